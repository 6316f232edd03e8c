"""SIGTERM and SIGINT: the first asks for an orderly end, the second ends the process at once."""

import os
import signal
import threading


class StopSignal:
    """Takes over both signals for the life of the process; made once, on the main thread.

    The numbers come through a pipe to a thread of their own, so that the second signal works whatever the main
    thread is doing, also natively.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _do_nothing)
        threading.Thread(target=self._watch, args=(reader,), name="signals", daemon=True).start()

    @property
    def asked(self) -> bool:
        """Whether the first signal has come."""
        return self._asked.is_set()

    def wait(self) -> None:
        """Return once the first signal has come."""
        self._asked.wait()

    def _watch(self, reader: int) -> None:
        os.read(reader, 1)
        self._asked.set()
        second = os.read(reader, 1)[0]
        os._exit(128 + second)


def _do_nothing(_number: int, _frame: object) -> None:
    """The signal's number goes to the pipe; a handler must stand here so that it does."""
