"""What an ONNX file takes and gives, read from the file itself, without any ONNX package.

The file is protocol buffers. It is walked in place, field by field, rather than parsed: weights are stepped over, so
that a model of gigabytes costs as much as a small one.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from salver.authoring.spec import Dim, Port
from salver.problems import Unusable

# Field numbers, from onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 5, 11, 12
_TENSOR_NAME = 8
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR = 1
_TENSOR_ELEMENT, _TENSOR_SHAPE = 1, 2
_SHAPE_DIM = 1
_DIM_VALUE, _DIM_PARAM = 1, 2

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_ELEMENTS = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "str", 9: "bool"}
_ELEMENTS |= {10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16"}

_REMEDY = "export it again, and copy it completely"


class _Malformed(ValueError):
    """Bytes that are no protocol buffers."""


def read_contract(file: Path) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """The model's inputs and outputs, with the dims of the whole tensors; None where the file says no shape.

    Raises Unusable for a file that cannot be read, is no ONNX model, or whose inputs or outputs are no tensors.
    """
    try:
        with file.open("rb") as opened:
            data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
        return _contract(file, data)
    except OSError as error:
        raise Unusable(file, f"cannot be read: {error.strerror or error}", "let the server's user read it") from None
    except ValueError as error:  # an empty file cannot be mapped
        raise Unusable(file, f"is no usable ONNX model: {error}", _REMEDY) from None


def _contract(file: Path, data: memoryview) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    graph = _message(data, _MODEL_GRAPH)
    if graph is None:
        raise _Malformed("it holds no graph")
    inputs: list[Port] = []
    outputs: list[Port] = []
    constants: set[str] = set()
    for number, value in _fields(graph):
        if number == _GRAPH_INITIALIZER:
            constants.add(_text(_message(_bytes(value), _TENSOR_NAME)))
        elif number == _GRAPH_INPUT:
            inputs.append(_port(file, "input", _bytes(value)))
        elif number == _GRAPH_OUTPUT:
            outputs.append(_port(file, "output", _bytes(value)))
    inputs = [port for port in inputs if port.name not in constants]
    if not inputs or not outputs:
        raise Unusable(file, "has no inputs or no outputs", "export a model that has both")
    return tuple(inputs), tuple(outputs)


def _port(file: Path, kind: str, value: memoryview) -> Port:
    name, described = _text(_message(value, _VALUE_NAME)), _message(value, _VALUE_TYPE)
    tensor = None if described is None else _message(described, _TYPE_TENSOR)
    if tensor is None:
        what = f"its {kind} '{name}' is no tensor"
        raise Unusable(file, what, "export it with tensors only; of scikit-learn's exporters by zipmap=False")
    element, shape = 0, None
    for number, field in _fields(tensor):
        if number == _TENSOR_ELEMENT and isinstance(field, int):
            element = field
        elif number == _TENSOR_SHAPE:
            shape = tuple(_dim(_bytes(dim)) for number, dim in _fields(_bytes(field)) if number == _SHAPE_DIM)
    if element not in _ELEMENTS:
        what = f"its {kind} '{name}' has the ONNX element type {element}, which no protocol carries"
        raise Unusable(file, what, f"export it with one of {', '.join(sorted(_ELEMENTS.values()))}")
    return Port(name, _ELEMENTS[element], shape)


def _dim(dim: memoryview) -> Dim:
    """A length, or a symbol, which may be empty; some exporters write a free dimension as a length below zero."""
    for number, value in _fields(dim):
        if number == _DIM_VALUE and isinstance(value, int) and value < 2**63:
            return value
        if number == _DIM_PARAM:
            return _text(_bytes(value))
    return ""


def _message(data: memoryview, wanted: int) -> memoryview | None:
    """The last field with this number, which is the one that counts."""
    found = [value for number, value in _fields(data) if number == wanted]
    return _bytes(found[-1]) if found else None


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of a message: their numbers, and their bytes or value. Raises _Malformed."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise _Malformed(f"it has a field of the unknown kind {kind}")
        if at + length > len(data):
            raise _Malformed("it ends in the middle")
        yield number, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise _Malformed("it ends in the middle")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _Malformed("it has a number that does not end")


def _bytes(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise _Malformed("it has a number where a message is due")
    return value


def _text(data: memoryview | None) -> str:
    return "" if data is None else str(data, "utf-8", "replace")
