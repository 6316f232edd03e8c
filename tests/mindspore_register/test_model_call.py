"""`Model.call` in a function: a nested call of the model's hidden method."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salver.workers.nested import calling_by
from salver.workers.program import Program
from salver.workers.stage import Column, Failure, Piece

from .servables import ADD_MODEL, REGISTER, FakeModel, add_model, floats, load_text, run, stage_of

X = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
Answer = Callable[[str, int, list[Column]], list[Piece]]


class Engine:
    """Answers nested calls by `x1 + x2`, and remembers them."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.calls: list[tuple[str, int]] = []
        self._answer = answer or self._add

    def __call__(self, method: str, rows: int, columns: list[Column]) -> list[Piece]:
        self.calls.append((method, rows))
        return self._answer(method, rows, columns)

    def _add(self, method: str, rows: int, columns: list[Column]) -> list[Piece]:
        total: Any = columns[0]
        for column in columns[1:]:
            total = total + column
        total.flags.writeable = False
        return [Piece(rows, [total])]


def program(tmp_path: Path, body: str, declared: str = ADD_MODEL, model: FakeModel | None = None) -> Program:
    text = f"""{REGISTER}{declared}
def f(x1, x2):
    {body}

@register.register_method("y")
def m(x1, x2):
    return register.add_stage(f, x1, x2, outputs_count=1)
"""
    return load_text(tmp_path, text, add_mindir=model or add_model(2, 2))


def outcome(tmp_path: Path, body: str, engine: Engine | None = None) -> Any:
    """What became of one instance."""
    with calling_by(engine or Engine()):
        (result,) = run(stage_of(program(tmp_path, body), "m.f"), 1, X.copy(), X.copy())
    return result.message if isinstance(result, Failure) else result[0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("body", "expected", "calls"),
    [
        ("return model.call(x1, x2)", 2 * X[0], [1]),
        ("return model.call([[x1, x2]])[0][0]", 2 * X[0], [1]),
        ("return sum(y for (y,) in model.call([[x1, x2], (x2, x2)]))", 4 * X[0], [2]),
        ("return sum(y for (y,) in model.call(((x1, x2),)))", 2 * X[0], [1]),
        ("y = model.call(x1, x2)\n    y[0, 0] = 9\n    return y", np.array([[9, 2], [4, 6]]), [1]),
        ("return model.call(model.call(x1, x2), x2)", 3 * X[0], [1, 1]),
        ("return sum(y.sum() for (y,) in model.call([[x1, x2], [x1.reshape(4), x2.reshape(4)]]))", 24, [1, 1]),
    ],
)
def test_one_instance_or_several(tmp_path: Path, body: str, expected: Any, calls: list[int]) -> None:
    engine = Engine()
    np.testing.assert_array_equal(outcome(tmp_path, body, engine), expected)
    assert engine.calls == [("@call_add.mindir_0", rows) for rows in calls]


def test_several_outputs_are_a_tuple(tmp_path: Path) -> None:
    model = FakeModel(np.divmod, add_model(2, 2).inputs, [floats("y", 2, 2), floats("z", 2, 2)])
    loaded = program(tmp_path, "y, z = model.call(x1, x2)\n    return y + z", model=model)
    with calling_by(Engine(lambda _, rows, columns: [Piece(rows, [columns[0], np.ones_like(columns[1])])])):
        ((y,),) = run(stage_of(loaded, "m.f"), 1, X.copy(), X.copy())  # type: ignore[misc]
    np.testing.assert_array_equal(y, X[0] + 1)


def test_text_and_bytes_come_back_as_functions_get_them(tmp_path: Path) -> None:
    body = "text, octets = model.call(x1, x2)\n    return f'{text} {octets.dtype} {octets.tobytes()}'"
    engine = Engine(lambda _method, rows, _columns: [Piece(rows, [["text"], [b"abc"]])])
    assert outcome(tmp_path, body, engine) == "text uint8 b'abc'"


SINGLE = "the inputs can be call(x1, x2) for single instance or"
SEVERAL = "call([[x1, x2], [x1, x2]]) for multi instances."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("return model.call()", f"Model(add.mindir).call() failed: no inputs provided, {SINGLE} {SEVERAL}"),
        (
            "return model.call(subgraph=1)",
            f"Model(add.mindir ,subgraph=1).call() failed: no inputs provided, {SINGLE} {SEVERAL}",
        ),
        ("return model.call([x1, x2])", f"Model(add.mindir).call() failed: inputs format invalid, {SINGLE}  {SEVERAL}"),
        (
            "return model.call(1, 2.5)",
            "Model(add.mindir).call() failed: Given model input 0 size 8 not match the size 16 defined in model",
        ),
        ("return model.call([])", "Model(add.mindir).call() failed: Input instances count is 0"),
        (
            "return model.call([[]])",
            (
                "Model(add.mindir).call() failed: The inputs count 0 of instance 0 is not equal to the inputs "
                "count 2 of the model"
            ),
        ),
        (
            "return model.call([[x1, x2], [x1]])",
            (
                "Model(add.mindir).call() failed: The inputs count 1 of instance 1 is not equal to the inputs "
                "count 2 of the model"
            ),
        ),
        (
            "return model.call(x1, x2, x2)",
            (
                "Model(add.mindir).call() failed: The inputs count 3 of instance 0 is not equal to the inputs "
                "count 2 of the model"
            ),
        ),
        (
            "return model.call(x1, x2, subgraph=1)",
            (
                "Model(add.mindir, subgraph=1).call() failed: The model does not have subgraph of index 1, the "
                "subgraph count of the model is 1"
            ),
        ),
        (
            "return register.Model('other.mindir').call(x1, x2)",
            (
                "Model(other.mindir).call() failed: the model is not declared, ensure that interface "
                "'declare_model' can take effect when importing servable_config.py by the serving server"
            ),
        ),
        ("return model.call(x1, None)", "Get illegal result data with type <class 'NoneType'>"),
        ("return model.call(x1, x2, subgraph=-1)", "Parameter 'subgraph' should be >= 0"),
        ("return model.call(x1, x2, subgraph='0')", "Parameter 'subgraph' should be int, but actually <class 'str'>"),
    ],
)
def test_misuse_is_the_instances_failure(tmp_path: Path, body: str, text: str) -> None:
    assert outcome(tmp_path, body) == text


def test_the_models_failure_is_raised_in_the_function(tmp_path: Path) -> None:
    text = "Given model input 0 size 24 not match the size 16 defined in model"
    engine = Engine(lambda _method, rows, _columns: [Piece(rows, Failure(text, kind="invalid"))])
    assert outcome(tmp_path, "return model.call(x1, x2)", engine) == f"Model(add.mindir).call() failed: {text}"


def test_a_model_cannot_be_called_but_by_a_function_that_serves(tmp_path: Path) -> None:
    (result,) = run(stage_of(program(tmp_path, "return model.call(x1, x2)"), "m.f"), 1, X.copy(), X.copy())
    assert isinstance(result, Failure)
    assert result.message == "a model can be called only by code that a salver worker runs, while it serves"
