"""Calls that are held up while they are being run."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.waiting import until


class Held:
    """A call that is held up once it is being run."""

    def __init__(self, folder: Path, call: Callable[[str], Any]) -> None:
        self.begun = folder / "begun"
        self.reply: Any = None
        self._thread = threading.Thread(target=self._run, args=(call,))
        self._thread.start()

    def _run(self, call: Callable[[str], Any]) -> None:
        self.reply = call(str(self.begun))

    def runs(self, times: int = 1) -> list[int]:
        """The processes that have begun it, once there are so many."""
        until(lambda: len(_numbers(self.begun)) >= times)
        return _numbers(self.begun)

    def let_go(self) -> None:
        self.begun.with_suffix(".go").touch()

    def end(self) -> Any:
        self._thread.join(40)
        assert not self._thread.is_alive()
        return self.reply


def _numbers(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


@contextmanager
def held(folder: Path, call: Callable[[str], Any]) -> Iterator[Held]:
    waiting = Held(folder, call)
    try:
        yield waiting
    finally:
        waiting.let_go()
        waiting.end()
