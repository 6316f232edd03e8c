"""Looking, again and again, whether something has changed."""

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from salver import _native
from salver.problems import Unusable
from salver.repository.traces import Calm
from salver.server.report import Report


@dataclass(frozen=True)
class Round:
    """What is looked at every so often: `trace` changes when there may be something new, and `act` sees to it.

    `act` may raise Unusable. That, and any other error, is told once until there is another, or none.
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
        self._told: object = None
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
            try:
                self._look()
            except Unusable as error:
                self._tell(error.problem, partial(self._report.problem, error.problem))
            except Exception as error:
                self._tell(repr(error), partial(traceback.print_exception, error))

    def _look(self) -> None:
        if self._calm.over(self._watched.trace()):
            self._watched.act()
            self._told = None

    def _tell(self, what: object, tell: Callable[[], None]) -> None:
        if what != self._told:
            tell()
        self._told = what
