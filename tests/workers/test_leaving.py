"""Lanes that are told to leave: they finish what they run, and take nothing more."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from support.http import post
from support.lanes import Caller, served
from support.waiting import until

from salver.authoring.spec import Contract, Input, Method, Plan, Port, Servable, StageSpec, Step, StepOutput
from salver.workers.leaving import Leaving
from salver.workers.stage import AsyncSequenceStage, AsyncStage, Batch, Column, SequenceStage, Stage

ITEMS = 200
"""More than may be sent before the caller takes some."""


class Held:
    """Code that has begun, and goes on when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def hold(self) -> None:
        self.begun.set()
        assert self.let_go.wait(20)

    async def hold_async(self) -> None:
        self.begun.set()
        while not self.let_go.is_set():
            await asyncio.sleep(0)


class Plain(Held, Stage):
    def run(self, batch: Batch) -> list[Column]:
        self.hold()
        return list(batch.columns)


class Awaiting(Held, AsyncStage):
    async def run(self, batch: Batch) -> list[Column]:
        await self.hold_async()
        return list(batch.columns)


class Sequence(Held, SequenceStage):
    def open(self, batch: Batch) -> list[Iterator[list[Column]]]:
        return [self._items()]

    def _items(self) -> Iterator[list[Column]]:
        for number in range(ITEMS):
            yield [np.array([number])]
            self.hold()


class AwaitingSequence(Held, AsyncSequenceStage):
    def open(self, batch: Batch) -> list[AsyncIterator[list[Column]]]:
        return [self._items()]

    async def _items(self) -> AsyncIterator[list[Column]]:
        for number in range(ITEMS):
            yield [np.array([number])]
            await self.hold_async()


def servable(sequence: bool) -> Servable:
    ports = (Port("x", None, None),), (Port("y", None, None),)
    plan = Plan((Step(0, (Input(0),)),), (StepOutput(0, 0),))
    method = Method("run", Contract(*ports, not sequence), plan, sequence)
    unbatched = "it answers with sequences" if sequence else None
    return Servable("s", 1, "python", (method,), (StageSpec("code", *ports, unbatched),))


def lanes() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if "run_lane" in each.name]


def ask(caller: Caller, x: int) -> list[int] | str:
    """The numbers that are answered, or the code of the error."""
    reply = post(caller.address, f"/servables/{caller.servable}/run", {"x": x}, {"Accept": "text/event-stream"})
    found = re.search(r'"code":"(\w+)"', reply.body.decode())
    return found[1] if found else [int(number) for number in re.findall(rb'"y":(\d+)', reply.body)]


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        (Plain(), [7]),
        (Awaiting(), [7]),
        (Sequence(), list(range(ITEMS))),
        (AwaitingSequence(), list(range(ITEMS))),
    ],
)
def test_what_has_begun_is_finished_and_nothing_is_begun(stage: Any, answer: list[int]) -> None:
    leaving = Leaving()
    asynchronous = isinstance(stage, AsyncStage | AsyncSequenceStage)
    own = servable(isinstance(stage, SequenceStage | AsyncSequenceStage))
    serving = served(own, {0: stage}, concurrent=asynchronous, slots=4, leaving=leaving)
    with ThreadPoolExecutor() as callers, serving as call:
        running = callers.submit(ask, call, 7)
        assert stage.begun.wait(20)
        leaving.set()
        late = callers.submit(ask, call, 8)
        stage.let_go.set()
        assert running.result(30) == answer
        # There is no other lane for it.
        assert late.result(30) == "UNAVAILABLE"


def test_a_lane_that_has_nothing_to_do_leaves_at_once() -> None:
    leaving, stage = Leaving(), Plain()
    with served(servable(sequence=False), {0: stage}, leaving=leaving) as call:
        leaving.set()
        until(lambda: not lanes())
        assert ask(call, 1) == "UNAVAILABLE"


def test_without_being_told_a_lane_waits_for_more() -> None:
    stage = Plain()
    stage.let_go.set()
    with served(servable(sequence=False), {0: stage}, leaving=Leaving()) as call:
        assert [ask(call, value) for value in (1, 2, 3)] == [[1], [2], [3]]
