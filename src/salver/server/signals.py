"""SIGTERM and SIGINT: the first asks for an orderly end, the second ends the process at once."""

import os
import signal
import threading
from typing import Self

_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_GIVEN_BACK = 0


class StopSignal:
    """Takes over both signals until `give_back`; made on the main thread.

    The numbers come through a pipe to a thread of their own, so that the second signal works whatever the main
    thread is doing, also natively.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._given_back = self._interrupting = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._pipe_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._handle) for number in _NUMBERS}
        self._watcher = threading.Thread(target=self._watch, name="signals", daemon=True)
        self._watcher.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    @property
    def asked(self) -> bool:
        """Whether the first signal has come."""
        return self._asked.is_set()

    def wait(self) -> None:
        """Return once the first signal has come, or they were given back."""
        self._asked.wait()

    def give_back(self) -> None:
        """Let whoever had the signals before get them from now on; once, on any thread."""
        self._given_back = True
        os.write(self._writer, bytes([_GIVEN_BACK]))
        self._watcher.join()
        if threading.current_thread() is threading.main_thread():
            self._restore()

    def interrupt(self) -> None:
        """Give the signals back, and raise KeyboardInterrupt in the main thread if it still runs; on another thread."""
        self._interrupting = True
        self.give_back()
        main = threading.main_thread()
        if main.is_alive() and main.ident is not None:
            signal.pthread_kill(main.ident, signal.SIGINT)

    def _handle(self, number: int, _frame: object) -> None:
        """The number has gone to the pipe, for which a handler must stand here."""
        if not self._given_back:
            return
        # Only the main thread may put the former handlers back, and has not had the occasion yet.
        self._restore()
        if self._interrupting:
            raise KeyboardInterrupt
        signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            # None stands for one that was not set by Python, and cannot be set again by it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._pipe_before)
        os.close(self._writer)
        os.close(self._reader)

    def _watch(self) -> None:
        first = self._next()
        self._asked.set()
        if first != _GIVEN_BACK:
            second = self._next()
            if second != _GIVEN_BACK:
                os._exit(128 + second)

    def _next(self) -> int:
        """The next number that matters: the pipe hears of every signal that anybody handles in Python."""
        while (number := os.read(self._reader, 1)[0]) not in (*_NUMBERS, _GIVEN_BACK):
            pass
        return number
