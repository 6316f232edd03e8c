"""What a MindIR file says about its model, read without MindSpore, which itself tells nothing of it.

A MindIR file is a protobuf message. Of its schema only what leads to the names, dtypes and dims of inputs and outputs
is described here, in a pool of its own: MindSpore brings messages of the same names, and demands a newer protobuf.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.workers import Signature

# message -> field -> (number, whether it is repeated, its kind: "text", "integer" or another of these messages)
_SCHEMA = {
    "Model": {"graph": (7, False, "Graph")},
    "Graph": {"input": (5, True, "Value"), "output": (6, True, "Value")},
    "Value": {"name": (1, False, "text"), "tensor": (2, True, "Tensor"), "attr_info": (5, False, "Attribute")},
    "Attribute": {"tensors": (12, True, "Tensor"), "type": (16, False, "integer"), "values": (17, True, "Attribute")},
    "Tensor": {"dims": (1, True, "integer"), "data_type": (2, False, "integer")},
}
_TYPES = {
    "text": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "integer": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
}
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
_FREE, _ANY_RANK = -1, -2
_CIPHERS = tuple(bytes((each, 0x5E, 0x3A, 0x7F)) for each in (0xD8, 0xD9, 0xDA))  # AES-GCM, AES-CBC, SM4-CBC
_AGAIN = "export it again, and copy it completely"


def is_encrypted(content: bytes) -> bool:
    """Whether MindSpore exported it with a key."""
    return content.startswith(_CIPHERS)


def signature_of(path: Path, content: bytes) -> Signature:
    """From the content of a MindIR file that is not encrypted. Raises Unusable."""
    try:
        graph = _model_class().FromString(content).graph
    except DecodeError:
        raise Unusable(path, "is no whole MindIR file", _AGAIN) from None
    inputs = tuple(_input(path, value) for value in graph.input)
    parts = [part for value in graph.output for part in _parts(value)]
    outputs = tuple(_port(path, f"y{index}", *part) for index, part in enumerate(parts))
    if not inputs or not outputs:
        raise Unusable(path, "is no MindIR file of a model with inputs and outputs", _AGAIN)
    return Signature(inputs, outputs)


def _model_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="mindir.proto", package="mindir", syntax="proto2")
    for message, fields in _SCHEMA.items():
        described = file.message_type.add(name=message)
        for name, (number, repeated, kind) in fields.items():
            field = described.field.add(name=name, number=number)
            field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            field.type = _TYPES.get(kind, field.TYPE_MESSAGE)
            if field.type == field.TYPE_MESSAGE:
                field.type_name = f".mindir.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("mindir.Model"))


def _input(path: Path, value: Any) -> Port:
    """The name in the file is that of the graph, a colon, and that of the Python argument."""
    name = value.name.rpartition(":")[2]
    parts = list(_parts(value))
    if len(parts) != 1:
        raise Unusable(path, f"has the input '{name}' that is no tensor", "export a model that takes tensors only")
    return _port(path, name, *parts[0])


def _parts(value: Any) -> Iterator[tuple[Any, bool]]:
    """The tensors that a value consists of, and whether each stands for a Python number."""
    if value.attr_info.values:
        yield from _elements(value.attr_info)
    else:
        for tensor in value.tensor:
            yield tensor, False


def _elements(attribute: Any) -> Iterator[tuple[Any, bool]]:
    for element in attribute.values:
        yield from _elements(element)
    for tensor in attribute.tensors:
        yield tensor, attribute.type == _SCALAR


def _port(path: Path, name: str, tensor: Any, scalar: bool) -> Port:
    dtype = _DTYPES.get(tensor.data_type)
    if dtype is None:
        kind = _OTHERS.get(tensor.data_type, "an unknown kind")
        remedy = "export a model that casts it to a dtype that numpy has, such as float32"
        raise Unusable(path, f"has '{name}' of {kind}, which cannot be passed on", remedy)
    if _ANY_RANK in tensor.dims:
        return Port(name, dtype, None)
    return Port(name, dtype, () if scalar else tuple("" if dim == _FREE else dim for dim in tensor.dims))
