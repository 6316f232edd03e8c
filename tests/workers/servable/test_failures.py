"""How functions of every kind fail, and what is told of it; without a server."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.programs import failed, failed_row, load, run, shown

from salver.workers.stage import Failure, Stage

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


def test_code_that_does_not_wait_is_run_on_the_spot(tmp_path: Path) -> None:
    program = load(tmp_path, FAILING)
    assert all(isinstance(each, Stage) for each in program.stages.values())
