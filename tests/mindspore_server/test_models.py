"""Models of a `servable_config.py` behind a real server: as stages, and called by functions; batched, filled up."""

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

from math_servable.texts import parsed
from mindspore_serving.server import register

from .texts import shown

add = register.declare_model("add.mindir", "MindIR", with_batch_dim=False)
summed = register.declare_model("summed.mindir", "MindIR")
scaled = register.declare_model("scaled.mindir", "MindIR", without_batch_dim_inputs=(1,))
negative = register.declare_model(["negative_0.mindir", "negative_1.mindir"], "MindIR", with_batch_dim=False)


@register.register_method(output_names=["y"])
def only_model(x1, x2):
    return register.add_stage(add, x1, x2, outputs_count=1)


@register.register_method(output_names=["y"])
def sum_of_batch(x):
    return register.add_stage(summed, x, outputs_count=1)


@register.register_method(output_names=["y"])
def scale(x, factor):
    return register.add_stage(scaled, x, factor, outputs_count=1)


def call_one(x1, x2):
    y = add.call(x1, x2)
    y += 1
    return y


@register.register_method(output_names=["y"])
def one(x1, x2):
    return register.add_stage(call_one, x1, x2, outputs_count=1)


def call_several(instances):
    for (y,) in summed.call([[x] for (x,) in instances]):
        yield y


@register.register_method(output_names=["y"])
def several(x):
    return register.add_stage(call_several, x, outputs_count=1, batch_size=4)


def call_subgraphs(x):
    return negative.call(x), negative.call(x, x, subgraph=1)


@register.register_method(output_names=["y", "z"])
def subgraphs(x):
    y, z = register.add_stage(call_subgraphs, x, outputs_count=2)
    return y, z


def call_chain(x):
    for _ in range(3):
        x = add.call(x, x)
    return x


def halved(x):
    return x / np.float32(2)


@register.register_method(output_names=["y"])
def pipeline(x):
    x = register.add_stage(halved, x, outputs_count=1)
    x = register.add_stage(add, x, x, outputs_count=1)
    x = register.add_stage(call_chain, x, outputs_count=1)
    return register.add_stage(add, x, x, outputs_count=1)


@register.register_method(output_names=["text"])
def texts(text):
    number = register.add_stage(parsed, text, outputs_count=1)
    return register.add_stage(shown, number, outputs_count=1)
"""

TEXTS = '''
"""Beside servable_config.py, imported by both kinds of names."""

import numpy as np


def parsed(text):
    return np.float32(text)


def shown(number):
    return f"it is {number:g}"
'''

PAIR = np.array([[1, 2], [3, 4]], np.float32)


def summed() -> onnx.ModelProto:
    """Every row of `y` is the sum of all four rows of `x`."""
    nodes = [
        helper.make_node("ReduceSum", ["x", "axis"], ["sum"], keepdims=1),
        helper.make_node("Expand", ["sum", "shape"], ["y"]),
    ]
    constants = [("axis", np.array([0])), ("shape", np.array([4, 2]))]
    return make_model(nodes, [("x", TensorProto.FLOAT, [4, 2])], [("y", TensorProto.FLOAT, [4, 2])], constants)


def scaled() -> onnx.ModelProto:
    """`y = factor * x`, with one factor for all rows."""
    ports = [("x", TensorProto.FLOAT, ["n", 2]), ("factor", TensorProto.FLOAT, [1])]
    return make_model([helper.make_node("Mul", ["x", "factor"], ["y"])], ports, [("y", TensorProto.FLOAT, ["n", 2])])


def negative() -> onnx.ModelProto:
    ports = [(name, TensorProto.FLOAT, [2, 2]) for name in ("x", "y")]
    return make_model([helper.make_node("Neg", ["x"], ["y"])], ports[:1], ports[1:])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("models")
    version = folder / "math_servable" / "1"
    version.mkdir(parents=True)
    models = {
        "add": add(),
        "summed": summed(),
        "scaled": scaled(),
        "negative_0": negative(),
        "negative_1": add(),
    }
    for name, model in models.items():
        onnx.save(model, version / f"{name}.onnx")
    (folder / "math_servable" / "servable_config.py").write_text(SERVABLE)
    (folder / "math_servable" / "texts.py").write_text(TEXTS)
    with serving(folder, "math_servable") as address:
        yield address


def ask(address: str, method: str, *instances: dict[str, object]) -> list[dict[str, Any]]:
    replies = Client(address, "math_servable", method).infer(list(instances))
    assert isinstance(replies, list), replies
    return replies


def error(address: str, method: str, **instance: object) -> str:
    reply = Client(address, "math_servable", method).infer(instance)
    assert isinstance(reply, dict), reply
    return str(reply["error"])


def test_a_model_alone(address: str) -> None:
    replies = ask(address, "only_model", *({"x1": PAIR * number, "x2": PAIR} for number in range(3)))
    assert [reply["y"][0].tolist() for reply in replies] == [[1, 2], [2, 4], [3, 6]]


def test_models_take_what_has_their_type_and_size_in_whatever_shape(address: str) -> None:
    [reply] = ask(address, "only_model", {"x1": PAIR.reshape(4), "x2": PAIR.reshape(4, 1)})
    np.testing.assert_array_equal(reply["y"], 2 * PAIR, strict=True)
    assert error(address, "only_model", x1=PAIR, x2=PAIR[0]) == (
        "Given model input 1 size 8 not match the size 16 defined in model"
    )


def row(*numbers: float) -> dict[str, object]:
    return {"x": np.array(numbers, np.float32)}


def test_a_batch_that_is_not_full_is_filled_with_copies_of_its_first_instance(address: str) -> None:
    [alone] = ask(address, "sum_of_batch", row(1, 2))
    assert alone["y"].tolist() == [4, 8]
    two = ask(address, "sum_of_batch", row(1, 2), row(10, 20))
    assert [reply["y"].tolist() for reply in two] == [[13, 26], [13, 26]]
    assert len(ask(address, "sum_of_batch", *[row(1, 2)] * 9)) == 9


def test_an_input_without_rows_is_the_first_instances(address: str) -> None:
    replies = ask(address, "scale", *({**row(1, number), "factor": np.float32([3])} for number in range(3)))
    assert [reply["y"].tolist() for reply in replies] == [[3, 0], [3, 3], [3, 6]]


def test_a_function_calls_a_model_for_one_instance_and_may_write_to_what_it_gets(address: str) -> None:
    [reply] = ask(address, "one", {"x1": PAIR, "x2": PAIR})
    np.testing.assert_array_equal(reply["y"], 2 * PAIR + 1, strict=True)


def test_a_function_calls_a_model_for_several_instances_which_it_runs_together(address: str) -> None:
    replies = ask(address, "several", row(1, 2), row(10, 20))
    assert [reply["y"].tolist() for reply in replies] == [[13, 26], [13, 26]]


def test_a_function_calls_subgraphs(address: str) -> None:
    [reply] = ask(address, "subgraphs", {"x": PAIR})
    assert (reply["y"][0].tolist(), reply["z"][0].tolist()) == ([-1, -2], [2, 4])


def test_functions_models_and_calls_of_models_in_one_method(address: str) -> None:
    replies = ask(address, "pipeline", *({"x": PAIR * number} for number in range(40)))
    for number, reply in enumerate(replies):
        np.testing.assert_array_equal(reply["y"], PAIR * number * 16, strict=True)


def test_a_models_refusal_is_the_failure_of_the_function_that_called_it(address: str) -> None:
    text = "Given model input 0 data type kMSI_Int32 not match the data type kMSI_Float32 defined in model"
    good = {"x1": PAIR, "x2": PAIR}
    replies = ask(address, "one", good, {**good, "x1": PAIR.astype(np.int32)}, good)
    assert replies[1] == {
        "error": "Call Function 'math_servable.call_one' Failed, method: 'one', stage index(begin with 1): 1, "
        f"error msg: Model(add.mindir).call() failed: {text}"
    }
    assert all("y" in replies[index] for index in (0, 2))


def test_a_declared_model_can_be_called_without_a_method(address: str) -> None:
    [reply] = ask(address, "@call_add.mindir_0", {"x0": PAIR, "x1": PAIR})
    assert reply["y0"].tolist() == (2 * PAIR).tolist()


def test_files_beside_the_servables_are_imported_by_both_of_their_names(address: str) -> None:
    assert ask(address, "texts", {"text": "1.5"}) == [{"text": "it is 1.5"}]
