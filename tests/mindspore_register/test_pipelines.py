"""`register_pipeline` and `PipelineServable`: what is registered, and how calls of methods are made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mindspore_serving.server.register import PipelineServable
from salver.problems import Unusable
from salver.workers.nested import calling_by
from salver.workers.program import Program
from salver.workers.stage import Column, Failure, Piece

from .servables import ADD_MODEL, REGISTER, add_model, load_text, run, stage_of

METHODS = """
def both(x1, x2):
    return x1, x2

@register.register_method(["y1", "y2"])
def pair(x1, x2):
    return register.add_stage(both, x1, x2, outputs_count=2)

def same(x):
    return x

@register.register_method("y")
def one(x):
    return register.add_stage(same, x, outputs_count=1)

called = {name: register.PipelineServable("add", name) for name in ("one", "pair", "absent")}
"""
X = np.arange(3, dtype=np.float32)


def program(tmp_path: Path, body: str, more: str = "") -> Program:
    text = f"""{REGISTER}{METHODS}{more}
@register.register_pipeline("y")
def p(x):
    {body}
"""
    return load_text(tmp_path, text)


class Engine:
    """Answers every nested call with its inputs, but those of `failing` rows, and remembers them."""

    def __init__(self, failure: Failure | None = None) -> None:
        self.calls: list[tuple[str, int]] = []
        self._failure = failure

    def __call__(self, method: str, rows: int, columns: list[Column]) -> list[Piece]:
        self.calls.append((method, rows))
        return [Piece(rows, self._failure or columns)]


def outcome(tmp_path: Path, body: str, engine: Engine | None = None, more: str = "") -> Any:
    """What became of one instance: its output, or the text of its failure."""
    with calling_by(engine or Engine()):
        (result,) = run(stage_of(program(tmp_path, body, more), "p"), 1, X[np.newaxis].copy())
    return result.message if isinstance(result, Failure) else result[0]  # type: ignore[index]


def test_a_pipeline_is_a_method_with_a_lane_of_its_own(tmp_path: Path) -> None:
    model = f"""{ADD_MODEL}
@register.register_method("y")
def only_model(x1, x2):
    return register.add_stage(model, x1, x2, outputs_count=1)
"""
    loaded = load_text(
        tmp_path,
        f"{REGISTER}{model}{METHODS}\n@register.register_pipeline(('y', 'z'))\ndef p(x1, x2):\n    return x1, x2\n",
        add_mindir=add_model(2, 2),
    )
    servable = loaded.manifest.servable
    assert [method.name for method in servable.methods] == [
        "only_model",
        "pair",
        "one",
        "p",
        "@call_add.mindir_0",
        "@pipeline_only_model",
        "@pipeline_pair",
        "@pipeline_one",
    ]
    by_name = {method.name: method for method in servable.methods}
    assert by_name["@pipeline_pair"].plan == by_name["pair"].plan
    assert str(by_name["p"].contract) == "(x1: any, x2: any) -> (y: any, z: any)"
    names = [stage.name for stage in servable.stages]
    assert [[names[stage] for stage in lane.stages] for lane in loaded.manifest.lanes] == [
        ["pair.both", "one.same"],
        ["add.mindir"],
        ["p"],
    ]
    assert servable.stages[names.index("p")].policy.max_batch_size == 1


def test_without_pipelines_methods_have_no_second_name(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, REGISTER + METHODS)
    assert [method.name for method in loaded.manifest.servable.methods] == ["pair", "one"]


def test_a_servable_may_have_nothing_but_pipelines(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, f"{REGISTER}@register.register_pipeline('y')\ndef p(x):\n    return 2 * x\n")
    ((y,),) = run(stage_of(loaded, "p"), 1, X[np.newaxis].copy())  # type: ignore[misc]
    np.testing.assert_array_equal(y, 2 * X)


@pytest.mark.parametrize(
    ("body", "expected", "calls"),
    [
        ("return called['one'].run(x)", X, [("@pipeline_one", 1)]),
        ("return sum(called['pair'].run(x, 2 * x))", 3 * X, [("@pipeline_pair", 1)]),
        ("y = called['one'].run(x)\n    y += 1\n    return y", X + 1, [("@pipeline_one", 1)]),
        ("return sum(y for (y,) in called['one'].run([x, x + 1]))", 2 * X + 1, [("@pipeline_one", 2)]),
        ("return called['one'].run(called['one'].run(x))", X, [("@pipeline_one", 1)] * 2),
        ("return called['one'].run('text')", "text", [("@pipeline_one", 1)]),
        ("return called['one'].run(b'ab')", np.frombuffer(b"ab", np.uint8), [("@pipeline_one", 1)]),
        ("return called['one'].run(7)", np.array(7), [("@pipeline_one", 1)]),
        ("return len(called['one'].run([x, 'text', 'more']))", 3, [("@pipeline_one", 1), ("@pipeline_one", 2)]),
    ],
)
def test_run_calls_a_method_for_one_instance_or_for_a_list_of_them(
    tmp_path: Path, body: str, expected: Any, calls: list[tuple[str, int]]
) -> None:
    engine = Engine()
    np.testing.assert_array_equal(outcome(tmp_path, body, engine), expected)
    assert engine.calls == calls


BY_FUNCTION = """
def calls(x):
    return called["one"].run(x)

@register.register_method("y")
def of_function(x):
    return register.add_stage(calls, x, outputs_count=1)
"""


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("return called['one'].run(x, x)", "The inputs count 2 is not equal to the inputs count 1 of method 'one'"),
        ("return called['pair'].run([x])", "The inputs count 1 is not equal to the inputs count 2 of method 'pair'"),
        ("return called['one'].run([])", "Input instances count is 0"),
        ("return called['absent'].run(x)", "Request servable(add) method(absent) , method is not available"),
        (
            "return register.PipelineServable('other', 'one').run(x)",
            "only a pipeline can call methods, while it serves",
        ),
    ],
)
def test_a_call_that_cannot_be_made_fails_its_instance(tmp_path: Path, body: str, text: str) -> None:
    assert outcome(tmp_path, body) == f"Run failed: {text}"


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        ("'other', 'one'", "Request servable(other) method(one) "),
        ("'add', 'one', 2", "Request servable(add) method(one)  version(2) "),
    ],
)
def test_only_methods_of_the_servable_itself_can_be_called(tmp_path: Path, made: str, asked: str) -> None:
    more = f"elsewhere = register.PipelineServable({made})\n"
    text = f"Run failed: {asked}, servable is not available"
    assert outcome(tmp_path, "return elsewhere.run(x)", more=more) == text


def test_the_servables_own_version_may_be_named(tmp_path: Path) -> None:
    more = "own = register.PipelineServable(servable_name='add', method='one', version_number=1)\n"
    np.testing.assert_array_equal(outcome(tmp_path, "return own.run(x)", more=more), X)


def test_any_other_function_is_kept_from_waiting_for_itself(tmp_path: Path) -> None:
    loaded = program(tmp_path, "return x", BY_FUNCTION)
    with calling_by(Engine()):
        (result,) = run(stage_of(loaded, "of_function.calls"), 1, X[np.newaxis].copy())
    assert isinstance(result, Failure)
    assert result.message == "Run failed: only a pipeline can call methods; any other function may use Model.call"


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (Failure("it is lost"), "Run failed: it is lost"),
        (
            Failure("division by zero", "Function 'add.f'", "one", 2),
            (
                "Run failed: Call Function 'add.f' Failed, method: 'one', stage index(begin with 1): 2, "
                "error msg: division by zero"
            ),
        ),
    ],
)
def test_a_methods_failure_is_raised_in_the_pipeline(tmp_path: Path, failure: Failure, text: str) -> None:
    assert outcome(tmp_path, "return called['one'].run(x)", Engine(failure)) == text


def test_what_a_pipeline_fails_with_is_told_as_a_pipelines(tmp_path: Path) -> None:
    loaded = program(tmp_path, "return (x, x)[: int(x[0])]")
    for value, message in ((0, "The outputs number 0"), (2, "The outputs number 2")):
        (result,) = run(stage_of(loaded, "p"), 1, np.full((1, 1), value))
        assert isinstance(result, Failure)
        assert (result.what, result.method, result.index) == ("Pipeline", "p", 1)
        assert result.message.startswith(f"{message} of one instance returned by function 'add.p'")


PIPELINE = "@register.register_pipeline('y')\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            f"{PIPELINE}def one(x):\n    return x",
            "Pipeline one has been registered more than once.",
        ),
        (
            f"{PIPELINE}def p(x):\n    return x\n@register.register_method('y')\ndef p(x):\n    return x",
            "Method p has been registered more than once.",
        ),
        (f"{PIPELINE}def p(*x):\n    return x", "'p' input x cannot be VAR_POSITIONAL !"),
        ("@register.register_pipeline(['y', 'y'])\ndef p(x):\n    return x", "should not be repeated"),
    ],
)
def test_wrong_registrations(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Unusable) as raised:
        load_text(tmp_path, f"{REGISTER}{METHODS}{text}\n")
    assert told in raised.value.problem.what


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"servable_name": ""}, "Parameter 'servable_name' should not be empty str"),
        ({"method": 1}, "Parameter 'method' should be str, but actually <class 'int'>"),
        ({"version_number": -1}, "Parameter 'version_number' should be >= 0"),
        ({"version_number": True}, "Parameter 'version_number' should be int, but actually <class 'bool'>"),
    ],
)
def test_wrong_arguments_of_a_pipeline_servable(arguments: Mapping[str, Any], text: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        PipelineServable(**{"servable_name": "add", "method": "one", **arguments})
    assert str(raised.value) == text
