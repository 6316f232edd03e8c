"""Arrays to and from the protocol's raw form: little-endian, row-major; text and bytes with their lengths."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from salver.client.errors import InvalidCall, ServerFailed

Array = npt.NDArray[Any]

_DATATYPES = {"float16": "FP16", "float32": "FP32", "float64": "FP64", "bfloat16": "BF16", "bool": "BOOL"}
_DATATYPES |= {f"{kind}{bits}": f"{kind.upper()}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
_NAMES = {datatype: name for name, datatype in _DATATYPES.items()}


def encoded(name: str, array: Array) -> tuple[str, bytes]:
    """An input's datatype and raw form. Raises InvalidCall."""
    if array.dtype.kind in "SUO":
        return "BYTES", b"".join(_prefixed(name, value) for value in array.ravel())
    datatype = _DATATYPES.get(array.dtype.name)
    if datatype is None:
        known = ", ".join(sorted(_DATATYPES))
        raise InvalidCall(f"input '{name}' has the element type {array.dtype}; expected text, bytes or one of {known}")
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return datatype, np.ascontiguousarray(little).tobytes()


def decoded(name: str, datatype: str, shape: tuple[int, ...], raw: bytes) -> Array:
    """An output as an array; text and bytes are `bytes` objects. Numbers are a read-only view of the reply."""
    try:
        if datatype == "BYTES":
            return np.array(_unprefixed(raw), dtype=object).reshape(shape)
        return np.frombuffer(raw, dtype=numpy_type(datatype)).reshape(shape)
    except (ValueError, KeyError, struct.error) as error:
        raise ServerFailed(f"output '{name}' is not the {datatype} of shape {shape} it claims to be: {error}") from None


def numpy_type(datatype: str) -> np.dtype[Any]:
    """Raises KeyError for an unknown datatype; bfloat16 needs the package ml_dtypes."""
    if datatype == "BYTES":
        return np.dtype(object)
    if datatype == "BF16":
        return _bfloat16()
    return np.dtype(_NAMES[datatype]).newbyteorder("<")


def _bfloat16() -> np.dtype[Any]:
    try:
        import ml_dtypes
    except ImportError:
        raise InvalidCall("bfloat16 arrays need the package ml_dtypes: pip install ml_dtypes") from None
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found


def _prefixed(name: str, value: object) -> bytes:
    if isinstance(value, str):
        value = value.encode()
    if not isinstance(value, bytes):
        raise InvalidCall(f"input '{name}' holds a {type(value).__name__}; expected text or bytes")
    return struct.pack("<I", len(value)) + value


def _unprefixed(raw: bytes) -> list[bytes]:
    values, at = [], 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        values.append(raw[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(raw):
        raise ValueError("a value's length goes beyond the end")
    return values
