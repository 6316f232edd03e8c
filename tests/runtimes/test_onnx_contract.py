from pathlib import Path

import onnx
import pytest
from onnx import ModelProto, TensorProto, helper
from support.models import IDENTITIES, averaging, batchable_add, identity, slow

from salver.authoring.spec import Dim, Port
from salver.problems import Unusable
from salver.runtimes.onnx_contract import read_contract

SCORES = helper.make_tensor_sequence_value_info("scores", TensorProto.FLOAT, None)


def written(path: Path, model: ModelProto) -> Path:
    onnx.save(model, path)
    return path


def by_onnx(model: ModelProto) -> tuple[list[Port], list[Port]]:
    """What the package onnx reads of the model."""
    names = {element: name for name, element in IDENTITIES.items()}

    def port(value: onnx.ValueInfoProto) -> Port:
        tensor = value.type.tensor_type
        dims = (dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in tensor.shape.dim)
        return Port(value.name, names[tensor.elem_type], tuple(dims) if tensor.HasField("shape") else None)

    constants = {each.name for each in model.graph.initializer}
    inputs = [port(each) for each in model.graph.input if each.name not in constants]
    return inputs, [port(each) for each in model.graph.output]


def value(name: str, dims: list[int | str | None] | None, element: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, dims)


def with_weights_as_inputs() -> ModelProto:
    """The form of old exporters: every initializer is an input, too."""
    model = slow()
    weights = model.graph.initializer[0]
    model.graph.input.append(value(weights.name, list(weights.dims)))
    return model


def of_values(inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> ModelProto:
    return helper.make_model(helper.make_graph([], "graph", inputs, outputs))


@pytest.mark.parametrize(
    "model",
    [
        batchable_add(),
        averaging(),
        slow(),
        with_weights_as_inputs(),
        of_values([value("x", None)], [value("y", [])]),
        of_values([value("ö:0", ["größe", None, 3])], [value("y", [0])]),
        *(identity(element, 3, "length") for element in IDENTITIES.values()),
    ],
)
def test_a_file_is_read_as_the_package_onnx_reads_it(tmp_path: Path, model: ModelProto) -> None:
    inputs, outputs = read_contract(written(tmp_path / "model.onnx", model))
    assert (list(inputs), list(outputs)) == by_onnx(model)


def test_a_negative_length_is_a_free_dimension(tmp_path: Path) -> None:
    model = of_values([value("x", [-1, 2])], [value("y", [2])])
    free: tuple[Dim, ...] = ("", 2)
    assert read_contract(written(tmp_path / "model.onnx", model))[0] == (Port("x", "float32", free),)


def test_weights_are_stepped_over_wherever_they_are(tmp_path: Path) -> None:
    """A length that goes beyond what is there would be noticed; so every byte is accounted for."""
    whole = slow().SerializeToString()
    path = tmp_path / "model.onnx"
    for end in range(1, len(whole), len(whole) // 50):
        path.write_bytes(whole[:end])
        with pytest.raises(Unusable, match=r"ends in the middle|no graph|no inputs"):
            read_contract(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no usable ONNX model: it holds no graph"),
        (b"plain text, no model\n", "no usable ONNX model"),
        (b"\x3a\x01", "ends in the middle"),
        (b"\x38\x01", "a number where a message is due"),
        (b"\x3c", "unknown kind 4"),
        (b"\xff" * 20, "a number that does not end"),
        (b"\x08\x08", "holds no graph"),
        (b"\x3a\x00", "no inputs or no outputs"),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(Unusable, match=told) as refused:
        read_contract(path)
    assert str(path) in refused.value.problem.where


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            of_values([value("x", [1], TensorProto.COMPLEX64)], [value("y", [1])]),
            "input 'x' has the ONNX element type 14",
        ),
        (
            of_values([value("x", [1])], [helper.make_tensor_sequence_value_info("scores", TensorProto.FLOAT, None)]),
            "output 'scores' is no tensor",
        ),
    ],
)
def test_what_no_protocol_carries_is_refused_by_name(tmp_path: Path, model: ModelProto, told: str) -> None:
    with pytest.raises(Unusable, match=told):
        read_contract(written(tmp_path / "model.onnx", model))


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="cannot be read: No such file"):
        read_contract(tmp_path / "model.onnx")
