"""How a worker is told to finish what it runs and to take nothing more."""

import os
import select
from typing import Protocol


class HasFileno(Protocol):
    def fileno(self) -> int: ...


class Leaving:
    """Set once and for all. Its descriptor is readable from then on, and stays open as long as the worker."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC)
        self.is_set = False

    def fileno(self) -> int:
        return self._descriptor

    def set(self) -> None:
        self.is_set = True
        os.eventfd_write(self._descriptor, 1)

    def or_readable(self, other: HasFileno) -> None:
        """Wait until it is set or the other descriptor is readable."""
        poll = select.poll()
        for each in (self, other):
            poll.register(each, select.POLLIN)
        poll.poll()
