"""What an ONNX file takes and gives, read from the file itself, without any ONNX package."""

from pathlib import Path

from salver.authoring.spec import Dim, Port
from salver.problems import Unusable
from salver.runtimes.protobuf import Malformed, Message, mapped

# Field numbers, from onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 5, 11, 12
_TENSOR_NAME = 8
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR = 1
_TENSOR_ELEMENT, _TENSOR_SHAPE = 1, 2
_SHAPE_DIM = 1
_DIM_VALUE, _DIM_PARAM = 1, 2

_ELEMENTS = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "str", 9: "bool"}
_ELEMENTS |= {10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16"}

_REMEDY = "export it again, and copy it completely"


def read_contract(file: Path) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """The model's inputs and outputs, with the dims of the whole tensors; None where the file says no shape.

    Raises Unusable for a file that cannot be read, is no ONNX model, or whose inputs or outputs are no tensors.
    """
    try:
        model = Message(mapped(file))
        if not model.has(_MODEL_GRAPH):
            raise Malformed("it holds no graph")
        return _contract(file, model.message(_MODEL_GRAPH))
    except Malformed as error:
        raise Unusable(file, f"is no usable ONNX model: {error}", _REMEDY) from None


def _contract(file: Path, graph: Message) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    constants = {each.text(_TENSOR_NAME) for each in graph.messages(_GRAPH_INITIALIZER)}
    ports = [_port(file, "input", each) for each in graph.messages(_GRAPH_INPUT)]
    inputs = tuple(port for port in ports if port.name not in constants)
    outputs = tuple(_port(file, "output", each) for each in graph.messages(_GRAPH_OUTPUT))
    if not inputs or not outputs:
        raise Unusable(file, "has no inputs or no outputs", "export a model that has both")
    return inputs, outputs


def _port(file: Path, kind: str, value: Message) -> Port:
    name, described = value.text(_VALUE_NAME), value.message(_VALUE_TYPE)
    if not described.has(_TYPE_TENSOR):
        what = f"its {kind} '{name}' is no tensor"
        raise Unusable(file, what, "export it with tensors only; of scikit-learn's exporters by zipmap=False")
    tensor = described.message(_TYPE_TENSOR)
    element, shape = tensor.integer(_TENSOR_ELEMENT), None
    if tensor.has(_TENSOR_SHAPE):
        shape = tuple(_dim(dim) for dim in tensor.message(_TENSOR_SHAPE).messages(_SHAPE_DIM))
    if element not in _ELEMENTS:
        what = f"its {kind} '{name}' has the ONNX element type {element}, which no protocol carries"
        raise Unusable(file, what, f"export it with one of {', '.join(sorted(_ELEMENTS.values()))}")
    return Port(name, _ELEMENTS[element], shape)


def _dim(dim: Message) -> Dim:
    """A length, or a symbol, which may be empty; some exporters write a free dimension as a length below zero."""
    length = dim.integer(_DIM_VALUE) if dim.has(_DIM_VALUE) else -1
    return length if length >= 0 else dim.text(_DIM_PARAM)
