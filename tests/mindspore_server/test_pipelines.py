"""Pipelines of releases 1.3 and 1.4 behind a real server: they call methods with functions and models, and never wait
for themselves."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from examples.models import add, make_model
from mindspore_serving.client import Client

from .scripts import serving

SERVABLE = """
import numpy as np

from mindspore_serving.server import register
from mindspore_serving.server.register import PipelineServable

register.declare_servable(
    servable_file=["tensor_add.mindir", "tensor_sub.mindir"], model_format="MindIR", with_batch_dim=False
)


def as_floats(x1, x2):
    return x1.astype(np.float32), x2.astype(np.float32)


@register.register_method(output_names=["y"])
def add_cast(x1, x2):
    x1, x2 = register.call_preprocess(as_floats, x1, x2)
    y = register.call_servable(x1, x2, subgraph=0)
    return y


@register.register_method(output_names=["y"])
def sub_common(x1, x2):
    y = register.call_servable(x1, x2, subgraph=1)
    return y


def same(x):
    if isinstance(x, str) and x == "trap":
        raise ValueError("trapped")
    return x


@register.register_method(output_names=["x"])
def echo(x):
    return register.add_stage(same, x, outputs_count=1)


added = PipelineServable(servable_name="calc", method="add_cast", version_number=1)
subtracted = PipelineServable(servable_name="calc", method="sub_common")
echoed = PipelineServable("calc", "echo")


@register.register_pipeline(output_names=["y1", "y2"])
def predict(x1, x2):
    y1 = added.run(x1, x2)
    y2 = subtracted.run(x1, x2)
    return y1, y2


@register.register_pipeline(output_names=["y"])
def doubled(x, times):
    for _ in range(int(times[0])):
        x = added.run(x, x)
    return x


@register.register_pipeline(output_names="x")
def through(x):
    return echoed.run(x)


@register.register_pipeline(output_names="text")
def joined(first, second):
    return " ".join(text for (text,) in echoed.run([first, second]))


@register.register_pipeline(output_names=["x1", "x2"])
def careless(x, how):
    if how == "inputs":
        return echoed.run(x, x)
    if how == "outputs":
        return x, x, x
    if how == "value":
        return x, [1, [2]]
    if how == "raise":
        raise RuntimeError("error test")
    return x, how
"""

ONES = np.ones((2, 2), np.float32)


def subtract() -> onnx.ModelProto:
    """`y = x1 - x2`."""
    ports = [(name, TensorProto.FLOAT, [2, 2]) for name in ("x1", "x2", "y")]
    return make_model([helper.make_node("Sub", ["x1", "x2"], ["y"])], ports[:2], ports[2:])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("pipelines")
    (folder / "calc" / "1").mkdir(parents=True)
    (folder / "calc" / "servable_config.py").write_text(SERVABLE)
    for name, model in (("add", add()), ("sub", subtract())):
        onnx.save(model, folder / "calc" / "1" / f"tensor_{name}.onnx")
    with serving(folder, "calc") as address:
        yield address


def ask(address: str, method: str, *instances: dict[str, object]) -> Any:
    return Client(address, "calc", method).infer(list(instances))


def test_a_pipeline_calls_methods_with_functions_and_models(address: str) -> None:
    instances = [{"x1": ONES * number, "x2": ONES} for number in range(5)]
    replies = ask(address, "predict", *instances)
    assert [(reply["y1"][0, 0], reply["y2"][0, 0]) for reply in replies] == [(n + 1, n - 1) for n in range(5)]


def test_it_may_call_in_loops(address: str) -> None:
    replies = ask(address, "doubled", *({"x": ONES, "times": times} for times in (0, 1, 5)))
    assert [reply["y"][0, 0] for reply in replies] == [1, 2, 32]


@pytest.mark.parametrize("x", ["ABC", b"\0\1", 11, True, 1.5, np.array([1.1, 2.2])])
def test_values_of_every_kind_go_through(address: str, x: object) -> None:
    [reply] = ask(address, "through", {"x": x})
    expected = np.frombuffer(x, np.uint8) if isinstance(x, bytes) else x
    np.testing.assert_array_equal(np.squeeze(reply["x"]), expected)


def test_a_list_is_several_instances(address: str) -> None:
    assert ask(address, "joined", {"first": "to", "second": "be"}) == [{"text": "to be"}]


def test_many_callers_and_one_worker_wait_for_each_other_and_never_for_ever(address: str) -> None:
    pipelines, methods = Client(address, "calc", "doubled"), Client(address, "calc", "add_cast")
    waiting = []
    for number in range(30):
        waiting.append(pipelines.infer_async([{"x": ONES * number, "times": 3}] * 2))
        waiting.append(methods.infer_async([{"x1": ONES * number, "x2": ONES * number * 7}] * 2))
    for number, answer in enumerate(waiting):
        for reply in answer.result():
            assert reply["y"][0, 0] == number // 2 * 8


FAILED = "Call Pipeline Failed, method: '{0}', stage index(begin with 1): 1, error msg: {1}"


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("inputs", "Run failed: The inputs count 2 is not equal to the inputs count 1 of method 'echo'"),
        (
            "outputs",
            (
                "The outputs number 3 of one instance returned by function 'calc.careless' is not equal to the outputs "
                "number 2  registered in method careless"
            ),
        ),
        ("value", "Push py task result cause exception: Get illegal result data with type <class 'list'>"),
        ("raise", "error test"),
    ],
)
def test_a_failure_is_its_instances_own(address: str, how: str, text: str) -> None:
    before, wrong, after = ask(address, "careless", *({"x": 1, "how": each} for each in ("fine", how, "fine")))
    assert wrong == {"error": FAILED.format("careless", text)}
    assert (before["x2"], after["x2"]) == ("fine", "fine")


def test_a_failure_of_the_method_that_it_calls_is_told_with_it(address: str) -> None:
    inner = "Call Function 'calc.same' Failed, method: 'echo', stage index(begin with 1): 1, error msg: trapped"
    good, bad = ask(address, "through", {"x": "fine"}, {"x": "trap"})
    assert (good, bad) == ({"x": "fine"}, {"error": FAILED.format("through", f"Run failed: {inner}")})


def test_a_models_refusal_too(address: str) -> None:
    refusal = "Given model input 0 data type kMSI_Int32 not match the data type kMSI_Float32 defined in model"
    reply = ask(address, "predict", {"x1": ONES.astype(np.int32), "x2": ONES})
    assert reply == {"error": FAILED.format("predict", f"Run failed: {refusal}")}
