"""Models that functions call while they run."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from support.models import batchable_add, identity
from support.programs import load, run, shown, write

from salver.problems import Unusable
from salver.workers.nested import calling_by
from salver.workers.program import Program
from salver.workers.servable.importing import import_servable
from salver.workers.stage import Column, Failure, Piece

SOURCE = """
add = salver.model("add.onnx")
text = salver.model("text.onnx")
Square = Float32[np.ndarray, "2 2"]

@salver.servable
class Calling:
    def one(self, x: Square) -> Square:
        return add(x, [[1, 1], [1, 1]])

    def repeat(self, x: str) -> str:
        return text(x)

    def many(self, x: Square) -> Square:
        return add.batch(np.stack([x, x]), np.stack([x, x])).sum(axis=0)

    def wrong_type(self, x: Square) -> Square:
        return add(x, x.astype(np.float64))

    def wrong_number(self, x: Square) -> Square:
        return add(x)

    def by_name(self, x: Square) -> Square:
        return add(x1=x, x2=x)

    def caught(self, x: Square) -> str:
        try:
            return str(add(x, x))
        except RuntimeError as error:
            return str(error)
"""

SQUARES = np.arange(8, dtype=np.float32).reshape(2, 2, 2)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    onnx.save(batchable_add(), tmp_path / "add.onnx")
    onnx.save(identity(TensorProto.STRING), tmp_path / "text.onnx")
    return load(tmp_path, SOURCE)


class Engine:
    """Answers nested calls as the engine would, in pieces of one row."""

    def __init__(self, *failing: int) -> None:
        self.calls: list[tuple[str, int]] = []
        self._failing = failing

    def __call__(self, method: str, rows: int, columns: list[Column]) -> list[Piece]:
        self.calls.append((method, rows))
        assert all(len(column) == rows for column in columns)
        whole: Any = columns[0] if len(columns) == 1 else columns[0] + columns[1]  # type: ignore[operator]
        return [
            Piece(1, Failure("overloaded") if row in self._failing else [whole[row : row + 1]]) for row in range(rows)
        ]


def test_a_function_may_call_a_model_for_its_row(program: Program) -> None:
    engine = Engine()
    with calling_by(engine):
        [sums] = run(program, "one", SQUARES)
        assert run(program, "repeat", ["a", "b"]) == [["a", "b"]]
    assert np.array_equal(sums, SQUARES + 1)
    assert engine.calls == [("@call_add.onnx_0", 1)] * 2 + [("@call_text.onnx_0", 1)] * 2


def test_a_function_may_call_a_model_for_many_rows(program: Program) -> None:
    engine = Engine()
    with calling_by(engine):
        [sums] = run(program, "many", SQUARES)
    assert np.array_equal(sums, SQUARES * 4)
    assert engine.calls == [("@call_add.onnx_0", 2)] * 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong_type", "TypeError: the model 'add.onnx' got float64[2, 2] as 'x2', but takes float32[2, 2]"),
        (
            "wrong_number",
            "TypeError: the model 'add.onnx' takes 2 inputs (x1: float32[2, 2], x2: float32[2, 2]), not 1",
        ),
        ("by_name", "TypeError: the model 'add.onnx' takes its inputs in their order, without names"),
        ("one", "ModelFailed: the model 'add.onnx' has no answer: overloaded"),
    ],
)
def test_a_call_that_fails_is_the_functions_failure(program: Program, name: str, message: str) -> None:
    with calling_by(Engine(0)):
        pieces = run(program, name, SQUARES)
    assert shown(pieces) == [(1, "raised"), (1, "raised")]
    assert pieces[0].outcome.message == message


def test_a_function_may_handle_a_models_failure(program: Program) -> None:
    with calling_by(Engine(0)):
        assert run(program, "caught", SQUARES[:1]) == [["the model 'add.onnx' has no answer: overloaded"]]


def test_outside_of_a_worker_models_cannot_be_called(program: Program, tmp_path: Path) -> None:
    pieces = run(program, "one", SQUARES[:1])
    assert "NoWorker: a model can be called only by code that a salver worker runs" in pieces[0].outcome.message
    names = import_servable(write(tmp_path, 'net = salver.model("net.onnx")', "alone.py"))
    with pytest.raises(Unusable, match=r"calls the model 'net.onnx', which only a method or a running stage can do"):
        names["net"](SQUARES)
