"""What is printed in this process, also by other threads while a test reads it."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


class Printed(io.TextIOBase):
    """Keeps all that is written to it."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def write(self, text: str, /) -> int:
        self._pieces.append(text)
        return len(text)

    def count(self, pattern: str) -> int:
        """How many lines match, up to now."""
        return sum(re.fullmatch(pattern, line) is not None for line in "".join(self._pieces).splitlines())


@contextmanager
def printing() -> Iterator[Printed]:
    """Both of this process's streams, as they are written to.

    Not pytest's capture: what a thread prints while that reads and empties its file is lost.
    """
    printed = Printed()
    with redirect_stdout(printed), redirect_stderr(printed):
        yield printed
