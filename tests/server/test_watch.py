from collections.abc import Callable
from threading import Event

import pytest

from salver.problems import Unusable
from salver.server.report import Report
from salver.server.watch import Round, Watcher


class Place:
    """Shows one trace after the other, then the last one; `looked` is set when it has shown all."""

    def __init__(self, *traces: int) -> None:
        self.left = list(traces)
        self.looked = Event()

    def trace(self) -> int:
        if len(self.left) > 1:
            return self.left.pop(0)
        self.looked.set()
        return self.left[0]


def watch(place: Place, act: Callable[[], None], until: Event) -> None:
    watcher = Watcher(Round(0.001, place.trace, act), 0, Report())
    watcher.start()
    assert until.wait(20)
    watcher.stop()
    watcher.stop()


def test_it_acts_when_a_change_is_over() -> None:
    acted = Event()
    watch(Place(0, 1, 2, 2), acted.set, acted)


def test_without_a_change_it_does_nothing() -> None:
    acted = Event()
    place = Place(0, 0, 0)
    watch(place, acted.set, place.looked)
    assert not acted.is_set()


def test_what_goes_wrong_is_told_once_and_does_not_end_it(capsys: pytest.CaptureFixture[str]) -> None:
    turns: list[int] = []
    done = Event()

    def act() -> None:
        turns.append(1)
        if len(turns) == 3:
            done.set()
        raise Unusable("there", "is nothing", "put something there")

    watch(Place(1, 1, 2, 2, 3, 3), act, done)
    assert capsys.readouterr().err == "salver: there: is nothing\n  remedy: put something there\n"


def test_an_error_of_salvers_own_is_told_once_and_does_not_end_it(capsys: pytest.CaptureFixture[str]) -> None:
    turns = [0, 0, 1, 2, 2]
    looked, acted = Event(), Event()

    def trace() -> int:
        if len(turns) > 1:
            if turns.pop(0) == 0:
                raise OSError(5, "Input/output error")
            return 1
        looked.set()
        return 2

    def act() -> None:
        acted.set()

    watcher = Watcher(Round(0.001, trace, act), 0, Report())
    watcher.start()
    assert acted.wait(20)
    assert looked.wait(20)
    watcher.stop()
    assert capsys.readouterr().err.count("OSError: [Errno 5] Input/output error") == 1


def test_one_that_was_never_started_may_be_stopped() -> None:
    Watcher(Round(1.0, lambda: 0, list), 0, Report()).stop()
