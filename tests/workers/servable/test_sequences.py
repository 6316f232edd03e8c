"""Functions that yield, and those that await; without a server."""

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.programs import batch, load, run, shown, stage

from salver.workers.stage import AsyncSequenceStage, AsyncStage, Failure, SequenceStage, StageFailed

TELLING = """
@salver.stage
def words(text: str) -> Shaped[np.ndarray, "..."]:
    if text == "bad":
        raise ValueError("bad text")
    return np.arange(len(text.split()))

ended = []

@salver.stage
def count(numbers: Shaped[np.ndarray, "n"]) -> Iterator[tuple[int, str]]:
    try:
        for each in numbers:
            if each == 3:
                raise salver.InvalidInput("three is too many")
            yield int(each), str(each)
    finally:
        ended.append(len(numbers))

@salver.method
def tell(text: str):
    return count(words(text))

@salver.method
def tell_half(text: str):
    number, text = count(words(text))
    return text

@salver.method
def how_it_ended(text: str):
    return ends(text)

@salver.stage
def ends(text: str) -> int:
    return sum(ended)
"""


def opened(program: Any, name: str, *columns: Any) -> list[Any]:
    code = stage(program, name)
    assert isinstance(code, SequenceStage)
    return code.open(batch(*columns))


def test_a_row_is_answered_by_a_sequence(tmp_path: Path) -> None:
    program = load(tmp_path, TELLING)
    one, other = opened(program, "tell.words+count", ["a b", ""])
    assert [[list(column) for column in item] for item in one] == [[[0], ["0"]], [[1], ["1"]]]
    assert list(other) == []
    assert [list(item) for item in opened(program, "tell_half.words+count", ["a b"])[0]] == [[["0"]], [["1"]]]
    assert [method.sequence for method in program.manifest.servable.methods] == [True, True, False]


def test_a_sequence_ends_by_its_failure(tmp_path: Path) -> None:
    program = load(tmp_path, TELLING)
    long, bad = opened(program, "tell.words+count", ["a b c d e", "bad"])
    assert [next(long)[1] for _ in range(3)] == [["0"], ["1"], ["2"]]
    with pytest.raises(StageFailed) as raised:
        next(long)
    assert raised.value.failure == Failure("three is too many", "Function 's.count'", "tell", 2, "invalid")
    with pytest.raises(StageFailed) as raised:
        next(bad)
    assert raised.value.failure.message == "ValueError: bad text"


def test_a_sequence_that_is_closed_ends_at_once(tmp_path: Path) -> None:
    program = load(tmp_path, TELLING)
    [items] = opened(program, "tell.words+count", ["a b"])
    assert isinstance(items, Generator)
    next(items)
    items.close()
    assert run(program, "how_it_ended.ends", [""])[0].tolist() == [2]
    assert list(items) == []


WAITING = """
import asyncio

together = asyncio.Barrier(3)

@salver.stage
async def meet(x: int) -> int:
    async with together:
        if x == 2:
            raise ValueError("two")
        return x * 2

@salver.stage
def add_one(x: int) -> int:
    return x + 1

@salver.method
def m(x: int) -> int:
    return add_one(meet(x))

@salver.function
async def whole(x: int) -> int:
    await asyncio.sleep(0)
    if x[0] > 2:
        raise salver.InvalidInput("too many", row=0)
    return x * 2

@salver.servable
class Telling:
    async def tell(self, x: int) -> AsyncIterator[int]:
        try:
            for each in range(x):
                await asyncio.sleep(0)
                yield each
            raise ValueError("ended")
        finally:
            self.closed = True

    def is_closed(self, x: int) -> bool:
        return self.closed
"""


def awaited(program: Any, name: str, *columns: Any) -> list[Any]:
    code = stage(program, name)
    assert isinstance(code, AsyncStage)
    return asyncio.run(code.run(batch(*columns)))


def test_rows_wait_together(tmp_path: Path) -> None:
    program = load(tmp_path, WAITING)
    assert shown(awaited(program, "m.meet+add_one", np.arange(3))) == [(2, [[1, 3]]), (1, "raised")]


def test_batches_that_wait_fail_as_others_do(tmp_path: Path) -> None:
    program = load(tmp_path, WAITING)
    [column] = awaited(program, "whole", np.arange(2))
    assert column.tolist() == [0, 2]
    assert shown(awaited(program, "whole", np.array([3, 1]))) == [(1, "invalid"), (1, [[2]])]


def test_sequences_that_wait_are_told_and_closed(tmp_path: Path) -> None:
    program = load(tmp_path, WAITING)
    code = stage(program, "tell")
    assert isinstance(code, AsyncSequenceStage)

    async def go_through() -> None:
        whole, cut = code.open(batch(np.array([2, 2])))
        assert [(await anext(whole))[0].tolist() for _ in range(2)] == [[0], [1]]
        with pytest.raises(StageFailed, match="ValueError: ended"):
            await anext(whole)
        await anext(cut)
        await cut.aclose()

    asyncio.run(go_through())
    assert run(program, "is_closed", np.arange(1))[0].tolist() == [True]


def test_one_that_waits_makes_all_functions_share_a_lane_that_does(tmp_path: Path) -> None:
    [lane] = load(tmp_path, WAITING).manifest.lanes
    assert (lane.slots, lane.concurrent, len(lane.stages)) == (64, True, 4)
