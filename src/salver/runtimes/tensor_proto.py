"""TensorFlow's TensorProto, as files hold it, read without TensorFlow."""

import math
from typing import TYPE_CHECKING, Any

from salver.runtimes.protobuf import Malformed, Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from salver.workers.stage import Column

DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "bytes",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
"""Those element types that a protocol can carry, by their numbers."""

_CONSTANTS = {1: "FLOAT", 2: "DOUBLE", 7: "STRING", 8: "COMPLEX64", 18: "COMPLEX128", 19: "HALF", 20: "RESOURCE"}
_CONSTANTS |= {21: "VARIANT", 11: "QINT8", 12: "QUINT8", 13: "QINT32", 15: "QINT16", 16: "QUINT16"}

# Field numbers. Of the values' fields, by element type: the number, and the type that they are written in.
_DTYPE, _SHAPE, _CONTENT = 1, 2, 4
_SHAPE_DIM, _SHAPE_UNKNOWN, _DIM_SIZE = 2, 3, 1
_INTEGERS, _BITS, _TEXTS = 7, 13, 8
_FIXED = {"float32": (5, "<f4"), "float64": (6, "<f8")}
_VARINTS = {"int64": 10, "bool": 11, "uint32": 16, "uint64": 17}

_LARGEST = 100 * 1024**2
_MOST_TEXTS = 100_000


def constant(dtype: int) -> str:
    """TensorFlow's name of an element type: DT_FLOAT."""
    name = _CONSTANTS.get(dtype) or DTYPES.get(dtype, "").upper()
    return f"DT_{name}" if name else f"the unknown type {dtype}"


def array_of(tensor: Message) -> "Column":
    """The tensor; of text a list, unless it has several dimensions. Too few values are filled up with the last of them.

    Raises Malformed for what is no tensor, or none that a model here could take.
    """
    import numpy as np

    number, shape = tensor.integer(_DTYPE), _shape(tensor.message(_SHAPE))
    if number not in DTYPES:
        raise Malformed(f"it has a tensor of {constant(number)}")
    dtype, count = DTYPES[number], math.prod(shape)
    if dtype == "bytes":
        return _texts(tensor, shape)
    stored = np.dtype("uint16" if dtype == "bfloat16" else dtype)
    if count * stored.itemsize > _LARGEST:
        raise Malformed(f"it has a tensor of the shape {shape}, which is more than {_LARGEST >> 20} MiB")
    content = tensor.bytes(_CONTENT)
    if len(content) not in (0, count * stored.itemsize):
        raise Malformed(f"it has {len(content)} bytes in a tensor of {dtype} and the shape {shape}")
    if len(content):
        array = np.frombuffer(content, stored.newbyteorder("<")).astype(stored)
    else:
        array = _filled(_values(tensor, dtype), count, stored)
    return _typed(array.reshape(shape), dtype)


def _shape(shape: Message) -> list[int]:
    sizes = [dim.integer(_DIM_SIZE) for dim in shape.messages(_SHAPE_DIM)]
    if shape.integer(_SHAPE_UNKNOWN) or any(size < 0 for size in sizes):
        raise Malformed("it has a tensor of an unknown shape")
    return sizes


def _texts(tensor: Message, shape: list[int]) -> "Column":
    import numpy as np

    given = [bytes(each) for each in tensor.values(_TEXTS) if not isinstance(each, int)]
    count = math.prod(shape)
    if count > _MOST_TEXTS:
        raise Malformed(f"it has {count} texts, which are more than {_MOST_TEXTS}")
    values = (given + [given[-1] if given else b""] * (count - len(given)))[:count]
    return values if len(shape) < 2 else np.array(values, np.object_).reshape(shape)


def _values(tensor: Message, dtype: str) -> "NDArray[Any]":
    """Those in the field of this type; integers are cut to its size."""
    import numpy as np

    if dtype in _FIXED:
        number, kind = _FIXED[dtype]
        raw = tensor.fixed(number)
        if len(raw) % np.dtype(kind).itemsize:
            raise Malformed("it has a number that ends in the middle")
        return np.frombuffer(raw, kind)
    halves = dtype in ("float16", "bfloat16")
    whole = np.array(tensor.integers(_BITS if halves else _VARINTS.get(dtype, _INTEGERS)), np.int64)
    if halves:
        bits = whole.astype(np.uint16)
        return bits if dtype == "bfloat16" else bits.view(np.float16)
    return whole


def _filled(values: "NDArray[Any]", count: int, stored: "np.dtype[Any]") -> "NDArray[Any]":
    import numpy as np

    array = np.zeros(count, stored)
    given = values[:count].astype(stored)
    array[: len(given)] = given
    array[len(given) :] = given[-1] if len(given) else 0
    return array


def _typed(array: "NDArray[Any]", dtype: str) -> "NDArray[Any]":
    if dtype != "bfloat16":
        return array
    from salver.workers.dtypes import numpy_dtype

    return array.view(numpy_dtype(dtype))
