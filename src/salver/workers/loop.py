"""A lane of a worker: it takes batches from its link, runs them, and answers, until the server ends the link."""

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from salver._native import Link
from salver.problems import Unusable
from salver.workers.callers import callers
from salver.workers.columns import failed, given, given_piece, shown, shown_piece
from salver.workers.leaving import Leaving
from salver.workers.nested import calling_by
from salver.workers.stage import (
    AnyStage,
    AsyncSequenceStage,
    AsyncStage,
    Batch,
    Column,
    Failure,
    Piece,
    SequenceStage,
    Stage,
    StageFailed,
)
from salver.workers.surprises import is_ordered, told

_log = logging.getLogger("salver.servable")
_running: ContextVar[int] = ContextVar("_running")

# What a link gives for a batch.
Opened = tuple[int, int, int, list[Any], list[Any]]


def run_lane(
    stages: Mapping[int, AnyStage], link: Link, methods: Sequence[str] = (), leaving: Leaving | None = None
) -> None:
    """Run a lane in this thread to its end. `methods` are the names of the servable's methods, in order.

    It also ends when `leaving` is set and what it runs is answered. Raises OSError if the link breaks. Whatever a stage
    does short of ending the process fails its batch alone.
    """
    lane = Lane(stages, link, methods, leaving)
    with calling_by(lane.call):
        if any(isinstance(stage, AsyncStage | AsyncSequenceStage) for stage in stages.values()):
            from salver.workers.async_loop import run_async_lane

            run_async_lane(lane)
        else:
            _run(lane)


class Lane:
    """What both kinds of lanes share: from what the link brings to batches, and from outcomes to answers."""

    def __init__(
        self, stages: Mapping[int, AnyStage], link: Link, methods: Sequence[str], leaving: Leaving | None
    ) -> None:
        self.link = link
        self.leaving = leaving
        self._stages = stages
        self._methods = {name: index for index, name in enumerate(methods)}

    def take(self, wait: bool) -> "Taken | None":
        """The next batch; None if there is none (now, or with `wait` ever again).

        One that nothing here could read is answered with that.
        """
        while (opened := self._opened(wait)) is not None:
            number, index, rows, columns, told = opened
            batch = Batch(rows, [], callers(self.link, number, told) if told else ())
            taken = Taken(number, self._stages[index], batch)
            try:
                batch.columns = [shown(column) for column in columns]
            except Unusable as error:
                problem = error.problem
                self.fail(taken, Failure(f"{problem.where} {problem.what}: {problem.remedy}"))
            except ValueError as error:
                # An empty array may claim more elements than numpy has any.
                self.fail(taken, Failure(f"an input is no array: {error}", kind="invalid"))
            else:
                return taken
        return None

    @property
    def is_leaving(self) -> bool:
        """Whether it takes nothing any more."""
        return self.leaving is not None and self.leaving.is_set

    def _opened(self, wait: bool) -> Opened | None:
        leaving = self.leaving
        if leaving is None:
            return self.link.take(wait)
        while not leaving.is_set:
            taken = self.link.take(False)
            if taken is not None or not wait or self.link.ended:
                return taken
            leaving.or_readable(self.link)
        return None

    def answer(self, taken: "Taken", outcome: list[Column] | list[Piece]) -> None:
        """Answer a batch. What cannot be sent is the stage's failure."""
        try:
            if outcome and isinstance(outcome[0], Piece):
                pieces = [given_piece(piece) for piece in outcome if isinstance(piece, Piece)]
                self.link.answer_pieces(taken.number, pieces)
            else:
                columns = [given(column) for column in outcome if not isinstance(column, Piece)]
                self.link.answer(taken.number, taken.batch.rows, columns)
        except (TypeError, ValueError) as error:
            self.fail(taken, Failure(f"its outputs cannot be sent: {error}", kind="output"))

    def fail(self, taken: "Taken", failure: Failure) -> None:
        self.link.answer_pieces(taken.number, [(taken.batch.rows, None, failed(failure))])

    def guarded(self, taken: "Taken") -> "Guarded":
        """A block that does some of a batch's work. If it fails, the batch is answered with that."""
        return Guarded(self, taken)

    def call(self, method: str, rows: int, columns: list[Column]) -> list[Piece]:
        """Call a hidden method for the batch that is being run."""
        sent = [given(column) for column in columns]
        pieces = self.link.call(_running.get(), self._methods[method], rows, sent)
        return [shown_piece(*piece) for piece in pieces]


@dataclass(slots=True, eq=False)
class Taken:
    """A batch, its number, and what runs it."""

    number: int
    stage: AnyStage
    batch: Batch


class Guarded:
    """See `Lane.guarded`. It is entered for every batch, so that it is no generator."""

    __slots__ = ("_lane", "_taken", "_token")

    def __init__(self, lane: Lane, taken: Taken) -> None:
        self._lane = lane
        self._taken = taken

    def __enter__(self) -> None:
        self._token = _running.set(self._taken.number)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        _running.reset(self._token)
        if error is None or is_ordered(error):
            return False
        self._lane.fail(self._taken, failure_of(error))
        return True


def failure_of(error: BaseException) -> Failure:
    """What a batch is told that failed so. The traceback of what no stage should raise is for the log."""
    if isinstance(error, StageFailed):
        return error.failure
    if not isinstance(error, SystemExit):
        _log.warning("a batch failed", exc_info=error)
    return Failure(told(error))


@dataclass(frozen=True, slots=True)
class Answering:
    """A row that is being answered item by item."""

    taken: Taken
    items: Iterator[list[Column]]


def _run(lane: Lane) -> None:
    answering: list[Answering] = []
    while not lane.link.ended and (answering or not lane.is_leaving):
        taken = lane.take(wait=not answering)
        if taken is not None:
            _begin(lane, taken, answering)
            # Views of what it brought would keep the server's memory taken.
            del taken
        if answering:
            answering = _advance(lane, answering)


def _begin(lane: Lane, taken: Taken, answering: list[Answering]) -> None:
    stage, batch = taken.stage, taken.batch
    if isinstance(stage, Stage):
        with lane.guarded(taken):
            lane.answer(taken, stage.run(batch))
    elif isinstance(stage, SequenceStage):
        with lane.guarded(taken):
            answering += [Answering(taken, items) for items in stage.open(batch)]


def _advance(lane: Lane, answering: list[Answering]) -> list[Answering]:
    """Let every row whose caller has room, or has left, go one item further; those that are not through.

    So none keeps others waiting for longer than one item takes.
    """
    numbers = {each.taken.number for each in answering}
    moving = {number for number in numbers if lane.link.credit(number) or lane.link.has_left(number, 0)}
    if not moving:
        lane.link.wait()
        return answering
    return [each for each in answering if each.taken.number not in moving or _next(lane, each)]


def _next(lane: Lane, each: Answering) -> bool:
    """Send the next item; whether there may be more."""
    number = each.taken.number
    with lane.guarded(each.taken):
        if lane.link.has_left(number, 0):
            close(each.items)
            item = None
        else:
            item = next(each.items, None)
        if item is None:
            lane.answer(each.taken, [])
            return False
        lane.link.item(number, [given(column) for column in item])
        return True
    return False


def close(items: object) -> None:
    """End a generator; other iterators have nothing to end."""
    if isinstance(items, Generator):
        items.close()
