"""Looking, again and again, whether something has changed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from salver import _native
from salver.problems import Problem, Unusable
from salver.repository.traces import Calm
from salver.server.report import Report


@dataclass(frozen=True)
class Round:
    """What is looked at every so often: `trace` changes when there may be something new, and `act` sees to it.

    `act` may raise Unusable, which is told once.
    """

    every_s: float
    trace: Callable[[], int]
    act: Callable[[], None]


class Watcher:
    """To be stopped. `seen` is the trace when what is watched was first acted on, so that nothing is missed."""

    def __init__(self, watched: Round, seen: int, report: Report) -> None:
        self._watched = watched
        self._report = report
        self._calm = Calm(seen)
        self._told: Problem | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it. Idempotent."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        _native.unhurried()
        while not self._stopping.wait(self._watched.every_s):
            if self._calm.over(self._watched.trace()):
                self._act()

    def _act(self) -> None:
        try:
            self._watched.act()
        except Unusable as error:
            if error.problem != self._told:
                self._report.problem(error.problem)
            self._told = error.problem
        else:
            self._told = None
