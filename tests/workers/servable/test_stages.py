"""What functions of every kind do with a batch; without a server."""

import asyncio
import logging
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.programs import Asking, batch, load, run, shown, stage

from salver.workers.servable.chain import absence
from salver.workers.stage import (
    AsyncSequenceStage,
    AsyncStage,
    Failure,
    Piece,
    SequenceStage,
    Stage,
    StageFailed,
)

PAIRS = np.arange(6, dtype=np.float32).reshape(3, 2)


def failed_row(program: Any, name: str, *columns: Any) -> Failure:
    [piece] = run(program, name, *columns)
    assert isinstance(piece, Piece)
    assert isinstance(piece.outcome, Failure)
    return piece.outcome


def failed(program: Any, name: str, *columns: Any) -> Failure:
    with pytest.raises(StageFailed) as raised:
        run(program, name, *columns)
    return raised.value.failure


# What functions get.


def test_a_function_over_a_batch_gets_arrays_with_a_leading_dimension_and_lists_of_text(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.function
        def look(pair: Pair, number: int, text: str, raw: bytes, document: salver.Json) -> str:
            assert pair.shape == (3, 2) and number.dtype == np.int64
            return [repr(each) for each in zip(text, raw, document)]
        """,
    )
    columns = [PAIRS, np.arange(3), ["a", "b", "c"], [b"1", b"2", b"3"], ["{}", "[1]", '"x"']]
    assert run(program, "look", *columns) == [["('a', b'1', {})", "('b', b'2', [1])", "('c', b'3', 'x')"]]


def test_a_function_over_rows_gets_views_and_numbers(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.servable
        class Looking:
            def look(
                self, pair: Pair, none: Float32[np.ndarray, ""], single: np.float32, number: int, real: float,
                flag: bool, text: str, raw: bytes, document: salver.Json, anything,
            ) -> str:
                assert not pair.flags.writeable
                return "; ".join(f"{type(each).__name__} {each}" for each in locals().values() if each is not self)
        """,
    )
    single = np.array([0.5], np.float32)
    whole = [np.arange(1), np.arange(1, dtype=np.float16), np.array([True]), ["a"], [b"b"], ['{"a": 1}'], np.arange(1)]
    assert run(program, "look", PAIRS[:1], single, single, *whole) == [
        [
            (
                "ndarray [0. 1.]; ndarray 0.5; float32 0.5; int 0; float 0.0; bool True; str a; bytes b'b'; "
                "dict {'a': 1}; int64 0"
            )
        ]
    ]


def test_optional_inputs_that_are_absent_have_their_default_values(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.stage
        def join(text: str, end: str, document: salver.Json = None, *, times: int = 2) -> str:
            return f"{text * times}{end}{document}"

        @salver.method
        def tell(text: str, end: str = "!", document: salver.Json = None, times: int = 3) -> str:
            return join(text, end, document, times=times)

        @salver.function
        def over_batches(x: int, y: Pair = None) -> int:
            return x if y is None else x + y[:, 0].astype(np.int64)
        """,
    )
    texts = ["a", "b"]
    assert run(program, "tell.join", texts, absence(2), absence(2), absence(2)) == [["aaa!None", "bbb!None"]]
    assert run(program, "tell.join", texts, ["?", "."], absence(2), np.array([1, 2])) == [["a?None", "bb.None"]]
    assert run(program, "tell.join", texts, absence(2), ["[]", "3"], absence(2)) == [["aaa![]", "bbb!3"]]
    assert run(program, "over_batches", np.arange(3), absence(3))[0].tolist() == [0, 1, 2]
    assert run(program, "over_batches", np.arange(3), PAIRS)[0].tolist() == [0, 3, 6]


def test_constants_of_a_method_reach_its_functions(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.stage
        def scale(x: Pair, by: float) -> Pair:
            return x * np.float32(by)

        @salver.method
        def double(x: Pair) -> Pair:
            return scale(x, by=2.0)
        """,
    )
    assert run(program, "double.scale", PAIRS)[0].tolist() == (PAIRS * 2).tolist()


def test_the_context_tells_about_a_rows_caller(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.servable(device="cuda:1")
        class Telling:
            def one(self, x: int, context: salver.Context) -> salver.Json:
                return {
                    "metadata": context.metadata, "parameters": context.parameters,
                    "in time": context.deadline is None or context.deadline > 0,
                    "left": context.cancelled, "device": context.device,
                }

        @salver.function
        def all_of_them(context, x: int) -> str:
            return [each.metadata.get("user", "nobody") for each in context]
        """,
    )
    soon = Asking(2, time.time() + 60, [("user", "ann"), ("accept", "a"), ("accept", "b")], {"top": 3})
    late = Asking(1, time.time() - 60, left=True)
    [documents] = run(program, "one", np.arange(3), callers=[soon, late])
    first = '{"metadata":{"user":"ann","accept":"a, b"},"parameters":{"top":3},"in time":true,"left":false'
    last = '{"metadata":{},"parameters":{},"in time":false,"left":true'
    assert documents == [f'{each},"device":"cuda:1"}}' for each in (first, first, last)]
    assert run(program, "all_of_them", np.arange(3), callers=[soon, late]) == [["ann", "ann", "nobody"]]
    assert run(program, "all_of_them", np.arange(1)) == [["nobody"]]
    assert [each.needs_callers for each in program.stages.values()] == [True, True]
    assert [each.context for each in program.manifest.servable.stages] == [True, True]


# What they give.


def test_several_outputs_are_given_in_the_form_that_was_promised(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        class Named(TypedDict):
            text: str
            number: int

        @dataclass
        class Held:
            text: str
            number: int

        class Tupled(NamedTuple):
            text: str
            number: int

        @salver.servable
        class Giving:
            def by_dict(self, x: int) -> Named:
                return {"number": x, "text": "a"}
            def by_object(self, x: int) -> Held:
                return Held("a", x)
            def by_tuple(self, x: int) -> Tupled:
                return Tupled("a", x)
            def plainly(self, x: int) -> tuple[str, int]:
                return "a", x

        @salver.function
        def of_batches(x: int) -> Named:
            return {"number": x, "text": ["a"] * len(x)}
        """,
    )
    for name in ("by_dict", "by_object", "by_tuple", "plainly", "of_batches"):
        texts, numbers = run(program, name, np.arange(2))
        assert (texts, numbers.tolist()) == (["a", "a"], [0, 1])


def test_rows_of_different_shapes_are_given_apart(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.servable
        class Counting:
            def count(self, x: int) -> Int64[np.ndarray, "n"]:
                return np.arange(x)
        """,
    )
    pieces = run(program, "count", np.array([1, 1, 3]))
    assert [(piece.rows, [column.tolist() for column in piece.outcome]) for piece in pieces] == [
        (2, [[[0], [0]]]),
        (1, [[[0, 1, 2]]]),
    ]


@pytest.mark.parametrize("kind", ["function", "stage"])
@pytest.mark.parametrize(
    ("annotation", "given", "told"),
    [
        ("Pair", "np.ones((len(x), 2))", "gave float64["),
        ("Pair", "None", "gave nothing as 'output', but promised float32["),
        ("tuple[int, int]", "(x, x, x)", "gave 3 values, but promised 2 (output_0, output_1)"),
        ("tuple[int, int]", "x", "but promised 2 (output_0, output_1): give a tuple of all outputs"),
        ("Named", "{'text': x}", "gave a dict of text, but promised 2 (text, number)"),
        ("Named", "object()", "gave an object without 'text'"),
    ],
)
def test_what_was_not_promised_is_an_output_failure(
    tmp_path: Path, kind: str, annotation: str, given: str, told: str
) -> None:
    program = load(
        tmp_path,
        f"""
        class Named(TypedDict):
            text: str
            number: int

        @salver.{kind}
        def give(x: np.int32) -> {annotation}:
            x = np.atleast_1d(x)
            return {given}

        @salver.method
        def m(x: np.int32):
            return give(x)
        """,
    )
    column = np.arange(1, dtype=np.int32)
    broken = {"stage": failed_row, "function": failed}[kind](program, "m.give", column)
    assert (broken.kind, broken.what, broken.method, broken.index) == ("output", "Function 's.give'", "m", 1)
    assert broken.message.startswith("give() gave ")
    assert told in broken.message


# How they fail.

FAILING = """
@salver.stage
def check(x: int) -> int:
    if x == 1:
        raise ValueError("one is too few")
    if x == 2:
        raise salver.InvalidInput("two is too many")
    return x

@salver.stage
def twice(x: int) -> int:
    return x * 2

@salver.method
def m(x: int) -> int:
    return twice(check(x))

@salver.function
def whole(x: int) -> int:
    if 1 in x:
        raise ValueError("one is too few")
    if 2 in x:
        raise salver.InvalidInput("two is too many")
    for row in np.flatnonzero(x > 2):
        raise salver.InvalidInput(f"{x[row]} is far too many", row=int(row))
    return x * 2

@salver.function
def astray(x: int) -> int:
    raise salver.InvalidInput("nobody", row=9)
"""


def test_rows_fail_one_by_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    program = load(tmp_path, FAILING)
    pieces = run(program, "m.check+twice", np.array([0, 1, 2, 3, 4]))
    assert shown(pieces) == [(1, [[0]]), (1, "raised"), (1, "invalid"), (2, [[6, 8]])]
    assert pieces[1].outcome == Failure("ValueError: one is too few", "Function 's.check'", "m", 1, "raised")
    assert pieces[2].outcome == Failure("two is too many", "Function 's.check'", "m", 1, "invalid")
    # Of what surprises, the author finds the traceback.
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.exc_info is not None


def test_batches_fail_as_a_whole(tmp_path: Path) -> None:
    program = load(tmp_path, FAILING)
    assert failed(program, "whole", np.array([0, 1])) == Failure(
        "ValueError: one is too few", "Function 's.whole'", "whole", 1, "raised"
    )
    assert failed(program, "whole", np.array([0, 2])).kind == "invalid"


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([3, 0, 1000], [(1, "invalid"), (1, [[0]]), (1, "invalid")]),
        ([0, 0, 3, 0], [(2, [[0, 0]]), (1, "invalid"), (1, [[0]])]),
        ([3], [(1, "invalid")]),
        ([3, 4], [(1, "invalid"), (1, "invalid")]),
    ],
)
def test_a_batch_may_name_the_row_that_is_at_fault(tmp_path: Path, rows: list[int], wanted: list[Any]) -> None:
    program = load(tmp_path, FAILING)
    assert shown(run(program, "whole", np.array(rows))) == wanted


def test_a_row_that_is_not_there_cannot_be_at_fault(tmp_path: Path) -> None:
    broken = failed(load(tmp_path, FAILING), "astray", np.arange(2))
    assert (broken.kind, broken.message) == ("output", "InvalidInput names row 9 of 2, which begin with 0: nobody")


def test_what_is_no_json_is_its_callers_fault(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.function
        def whole(x: salver.Json) -> salver.Json:
            return x

        @salver.servable
        class One:
            def single(self, x: salver.Json) -> salver.Json:
                return x
        """,
    )
    for name in ("whole", "single"):
        assert shown(run(program, name, ["{}", "{", "1"])) == [(1, [["{}"]]), (1, "invalid"), (1, [["1"]])]


def test_functions_of_a_chain_see_what_those_before_them_changed(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.stage
        def make(x: int) -> Pair:
            return [x, x]

        @salver.stage
        def change(pair: Pair) -> str:
            pair[0] = -1
            return "changed"

        @salver.method
        def m(x: int) -> tuple[Pair, str]:
            pair = make(x)
            return pair, change(pair)
        """,
    )
    pairs, texts = run(program, "m.make+change", np.arange(1, 3))
    assert (pairs.tolist(), texts) == ([[-1, 1], [-1, 2]], ["changed", "changed"])


def test_a_chain_tells_which_of_its_functions_failed(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.function
        def first(x: int) -> int:
            return x
        @salver.function
        def second(x: int) -> int:
            raise KeyError("missing")
        @salver.method
        def m(x: int) -> int:
            return second(first(x))
        """,
    )
    assert failed(program, "m.first+second", np.arange(2)) == Failure(
        "KeyError: 'missing'", "Function 's.second'", "m", 2, "raised"
    )


# Those that yield, and those that await.

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


def test_code_that_does_not_wait_is_run_on_the_spot(tmp_path: Path) -> None:
    program = load(tmp_path, FAILING)
    assert all(isinstance(each, Stage) for each in program.stages.values())
