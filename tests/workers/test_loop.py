import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.lanes import served

from salver.authoring.spec import Contract, Input, Method, Plan, Policy, Port, Servable, StageSpec, Step, StepOutput
from salver.workers import nested
from salver.workers.dtypes import numpy_dtype
from salver.workers.stage import AsyncStage, Batch, Column, Failure, Piece, Stage, StageFailed

UNTYPED = (Port("x", None, None),)
OUTPUT = (Port("y", None, None),)
PLAIN = Policy()


def servable(policy: Policy = PLAIN) -> Servable:
    """Its method `run` is stage 0; the hidden one is stage 1."""

    def method(name: str, stage: int) -> Method:
        plan = Plan((Step(stage, (Input(0),)),), (StepOutput(0, 0),))
        return Method(name, Contract(UNTYPED, OUTPUT, True), plan)

    stages = (StageSpec("code", UNTYPED, OUTPUT, None, policy), StageSpec("model", UNTYPED, OUTPUT, None))
    return Servable("s", 1, "python", (method("run", 0), method("@call_model_0", 1)), stages)


class Code(Stage):
    """A stage that is one function."""

    def __init__(self, run: Callable[[Batch], list[Column] | list[Piece]]) -> None:
        self._run = run

    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        return self._run(batch)


def twice(batch: Batch) -> list[Column]:
    [column] = batch.columns
    return [column * 2 if isinstance(column, np.ndarray) else [value * 2 for value in column]]


@pytest.mark.parametrize(
    ("value", "answered"),
    [
        (3, 6),
        (1.5, 3.0),
        ([[1, 2], [3, 4]], [[2, 4], [6, 8]]),
        ("ab", "abab"),
        (["a", "b"], ["aa", "bb"]),
        ([["a", "b"], ["c", "d"]], [["aa", "bb"], ["cc", "dd"]]),
        ({"b64": "AAE="}, {"b64": "AAEAAQ=="}),
        ([], []),
    ],
)
def test_values_of_all_kinds_go_through_a_lane(value: Any, answered: Any) -> None:
    ports = (Port("x", "bytes" if isinstance(value, dict) else "float32" if value == [] else None, None),)
    typed = servable()
    method = typed.methods[0]
    typed = Servable("s", 1, "python", (Method("run", Contract(ports, OUTPUT, True), method.plan),), typed.stages[:1])
    with served(typed, {0: Code(twice)}) as call:
        assert call("run", {"x": value}) == {"y": answered}


@pytest.mark.parametrize("far", [False, True])
def test_rows_of_several_texts_run_together(far: bool) -> None:
    with served(servable(), {0: Code(twice)}, far=far) as call:
        answer = call("run", [{"x": ["a", "b"]}, {"x": ["", "é"]}])
    assert answer == [{"y": ["aa", "bb"]}, {"y": ["", "éé"]}]


def test_numbers_that_nothing_here_can_read_are_refused_and_end_no_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    numpy_dtype.cache_clear()
    halves = (Port("x", "bfloat16", None),)
    typed = replace(servable(), stages=(StageSpec("code", halves, OUTPUT, None, PLAIN),))
    typed = replace(typed, methods=(replace(typed.methods[0], contract=Contract(halves, OUTPUT, True)),))
    with served(typed, {0: Code(twice)}) as call:
        for _ in range(2):
            assert "bfloat16 needs the package ml_dtypes: pip install ml_dtypes" in str(call("run", {"x": 1.5}))
        monkeypatch.undo()
        assert call("run", {"x": 1.5}) == {"y": 3.0}


@pytest.mark.parametrize("size", [1, 5_000, 100_000, 500_000])
def test_tensors_of_all_sizes_go_far_too(size: int) -> None:
    with served(servable(), {0: Code(twice)}, far=True) as call:
        for number in range(3):
            assert call("run", {"x": [number] * size}) == {"y": [2 * number] * size}


def test_arrays_of_inputs_are_views_that_cannot_be_written() -> None:
    def write(batch: Batch) -> list[Column]:
        [column] = batch.columns
        assert isinstance(column, np.ndarray)
        column += 1
        return [column]

    with served(servable(), {0: Code(write)}) as call:
        assert "read-only" in call("run", {"x": 1})["error"]["message"]


def test_arrays_that_are_kept_stay_as_they_were() -> None:
    kept: list[Column] = []

    def keep(batch: Batch) -> list[Column]:
        kept.extend(batch.columns)
        return batch.columns

    with served(servable(), {0: Code(keep)}) as call:
        for number in range(50):
            call("run", {"x": [number] * 20_000})
    assert all(np.all(np.asarray(column) == number) for number, column in enumerate(kept))


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (StageFailed(Failure("no", "Function 's.f'", "run", 1)), "Function 's.f', stage 1 of method 'run', failed: no"),
        (ValueError("defect"), "ValueError: defect"),
        (SystemExit(4), "SystemExit: 4"),
        (StopIteration("x"), "StopIteration: x"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
        (asyncio.CancelledError("x"), "CancelledError: x"),
        (OSError("half \udc80"), "OSError: half \\udc80"),
        (ValueError("x" * 8200), f"ValueError: {'x' * 8180} ... (20 characters more)"),
    ],
)
def test_a_batch_fails_with_what_its_stage_raises_and_the_lane_goes_on(raised: BaseException, told: str) -> None:
    def fail(batch: Batch) -> list[Column]:
        if np.asarray(batch.columns[0]).max() > 1:
            raise raised
        return batch.columns

    with served(servable(), {0: Code(fail)}) as call:
        assert call("run", {"x": 2})["error"] == {"code": "INTERNAL", "message": told}
        assert call("run", {"x": 1}) == {"y": 1}


def test_the_row_at_fault_is_found_by_halves() -> None:
    def fail(batch: Batch) -> list[Column]:
        if 5 in np.asarray(batch.columns[0]):
            raise StageFailed(Failure("five"))
        return batch.columns

    with served(servable(), {0: Code(fail)}) as call:
        answers = call("run", [{"x": number} for number in range(8)])
    assert [answer.get("y") for answer in answers] == [0, 1, 2, 3, 4, None, 6, 7]
    assert answers[5]["error"]["message"] == "five"


def test_pieces_are_final_and_the_callers_fault_is_told_as_such() -> None:
    def judge(batch: Batch) -> list[Piece]:
        values = np.asarray(batch.columns[0])
        refused = Failure("negative", kind="invalid")
        return [Piece(1, refused if value < 0 else [values[row : row + 1]]) for row, value in enumerate(values)]

    with served(servable(), {0: Code(judge)}) as call:
        answers = call("run", [{"x": 1}, {"x": -1}])
    assert answers == [{"y": 1}, {"error": {"code": "INVALID_ARGUMENT", "message": "negative"}}]


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ([], "should give 1 outputs, but gave 0"),
        ([np.zeros(3), np.zeros(3)], "should give 1 outputs, but gave 2"),
        ([np.zeros((4, 1))], "ran 1 rows, but gave an output of shape [4, 1]"),
        ([np.array([object()])], "its outputs cannot be sent"),
        ([np.zeros(1, np.complex64)], "its outputs cannot be sent"),
        ([["text", 3]], "its outputs cannot be sent"),
        (["no column"], "its outputs cannot be sent"),
        (None, "NoneType"),
    ],
)
def test_outputs_that_cannot_be_are_the_stages_failure(outputs: Any, told: str) -> None:
    with served(servable(), {0: Code(lambda batch: outputs)}) as call:
        error = call("run", {"x": 1})["error"]
        assert error["code"] == "INTERNAL"
        assert told in error["message"]
        assert told in call("run", {"x": 2})["error"]["message"]


def test_outputs_need_not_be_contiguous() -> None:
    def turned(batch: Batch) -> list[Column]:
        return [np.asfortranarray(np.asarray(batch.columns[0]).transpose(0, 2, 1))]

    with served(servable(), {0: Code(turned)}) as call:
        assert call("run", {"x": [[1, 2], [3, 4]]}) == {"y": [[1, 3], [2, 4]]}


def test_code_calls_models_of_its_servable() -> None:
    def ask(batch: Batch) -> list[Column]:
        [piece] = nested.call("@call_model_0", batch.rows, batch.columns)
        assert isinstance(piece.outcome, list)
        return piece.outcome

    with served(servable(), {0: Code(ask)}, {1: Code(twice)}) as call:
        assert call("run", [{"x": 1}, {"x": 2}]) == [{"y": 2}, {"y": 4}]


def test_a_models_failure_is_told_to_the_code_that_called_it() -> None:
    def refuse(batch: Batch) -> list[Column]:
        raise StageFailed(Failure("not today", kind="invalid"))

    def ask(batch: Batch) -> list[Piece]:
        return nested.call("@call_model_0", batch.rows, batch.columns)

    with served(servable(), {0: Code(ask)}, {1: Code(refuse)}) as call:
        assert call("run", {"x": 1}) == {"error": {"code": "INVALID_ARGUMENT", "message": "not today"}}


def test_no_model_can_be_called_outside_a_lane() -> None:
    with pytest.raises(nested.NoWorker, match="only by code that a salver worker runs"):
        nested.call("@call_model_0", 1, [np.zeros(1)])


class Waiting(AsyncStage):
    """Answers once as many batches as it should wait for are there."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._all_there = asyncio.Event()

    async def run(self, batch: Batch) -> list[Column] | list[Piece]:
        self._wanted -= 1
        if self._wanted == 0:
            self._all_there.set()
        await self._all_there.wait()
        return batch.columns


def test_batches_of_an_asynchronous_stage_run_at_once() -> None:
    policy = Policy(max_batch_size=1)
    with served(servable(policy), {0: Waiting(5)}, concurrent=True, slots=8) as call:
        rows = [{"x": number} for number in range(5)]
        assert call("run", rows) == [{"y": number} for number in range(5)]


@pytest.mark.parametrize("raised", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_an_asynchronous_stage_that_raises_fails_its_batch_alone(raised: type[BaseException]) -> None:
    class Picky(AsyncStage):
        async def run(self, batch: Batch) -> list[Column] | list[Piece]:
            await asyncio.sleep(0)
            if np.asarray(batch.columns[0]).max() > 1:
                raise raised("too much")
            return batch.columns

    with served(servable(), {0: Picky()}, concurrent=True) as call:
        assert call("run", {"x": 2})["error"]["message"] == f"{raised.__name__}: too much"
        assert call("run", {"x": 1}) == {"y": 1}
