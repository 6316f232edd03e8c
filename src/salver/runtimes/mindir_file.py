"""What a MindIR file says about its model, read without MindSpore, which itself tells nothing of it."""

from collections.abc import Iterator
from pathlib import Path

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.protobuf import Malformed, Message
from salver.runtimes.workers import Signature

# Field numbers, from mind_ir.proto.
_MODEL_GRAPH = 7
_GRAPH_INPUT, _GRAPH_OUTPUT = 5, 6
_VALUE_NAME, _VALUE_TENSOR, _VALUE_ATTRIBUTE = 1, 2, 5
_ATTRIBUTE_TENSORS, _ATTRIBUTE_TYPE, _ATTRIBUTE_VALUES = 12, 16, 17
_TENSOR_DIMS, _TENSOR_TYPE = 1, 2

_DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    17: "float64",
}
_OTHERS = {8: "text", 14: "complex64", 15: "complex128", 16: "bfloat16"}
_SCALAR = 39
_DEEPEST = 100
_FREE, _ANY_RANK = -1, -2
_CIPHERS = tuple(bytes((each, 0x5E, 0x3A, 0x7F)) for each in (0xD8, 0xD9, 0xDA))  # AES-GCM, AES-CBC, SM4-CBC
_AGAIN = "export it again, and copy it completely"


def is_encrypted(content: bytes) -> bool:
    """Whether MindSpore exported it with a key."""
    return content.startswith(_CIPHERS)


def signature_of(path: Path, content: bytes) -> Signature:
    """From the content of a MindIR file that is not encrypted. Raises Unusable."""
    try:
        return _signature(path, Message(content).message(_MODEL_GRAPH))
    except Malformed:
        raise Unusable(path, "is no whole MindIR file", _AGAIN) from None


def _signature(path: Path, graph: Message) -> Signature:
    inputs = tuple(_input(path, value) for value in graph.messages(_GRAPH_INPUT))
    parts = [part for value in graph.messages(_GRAPH_OUTPUT) for part in _parts(value)]
    outputs = tuple(_port(path, f"y{index}", *part) for index, part in enumerate(parts))
    if not inputs or not outputs:
        raise Unusable(path, "is no MindIR file of a model with inputs and outputs", _AGAIN)
    return Signature(inputs, outputs)


def _input(path: Path, value: Message) -> Port:
    """The name in the file is that of the graph, a colon, and that of the Python argument."""
    name = value.text(_VALUE_NAME).rpartition(":")[2]
    parts = list(_parts(value))
    if len(parts) != 1:
        raise Unusable(path, f"has the input '{name}' that is no tensor", "export a model that takes tensors only")
    return _port(path, name, *parts[0])


def _parts(value: Message) -> Iterator[tuple[Message, bool]]:
    """The tensors that a value consists of, and whether each stands for a Python number."""
    attribute = value.message(_VALUE_ATTRIBUTE)
    if attribute.has(_ATTRIBUTE_VALUES):
        yield from _elements(attribute)
    else:
        for tensor in value.messages(_VALUE_TENSOR):
            yield tensor, False


def _elements(attribute: Message, depth: int = 1) -> Iterator[tuple[Message, bool]]:
    if depth > _DEEPEST:
        raise Malformed("it has a tuple that is nested too deeply")
    for element in attribute.messages(_ATTRIBUTE_VALUES):
        yield from _elements(element, depth + 1)
    for tensor in attribute.messages(_ATTRIBUTE_TENSORS):
        yield tensor, attribute.integer(_ATTRIBUTE_TYPE) == _SCALAR


def _port(path: Path, name: str, tensor: Message, scalar: bool) -> Port:
    number, dims = tensor.integer(_TENSOR_TYPE), tensor.integers(_TENSOR_DIMS)
    if number not in _DTYPES:
        kind = _OTHERS.get(number, "an unknown kind")
        remedy = "export a model that casts it to a dtype that numpy has, such as float32"
        raise Unusable(path, f"has '{name}' of {kind}, which cannot be passed on", remedy)
    if _ANY_RANK in dims:
        return Port(name, _DTYPES[number], None)
    return Port(name, _DTYPES[number], () if scalar else tuple("" if dim == _FREE else dim for dim in dims))
