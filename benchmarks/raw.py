"""Tensors as KServe's raw bytes: numbers as they are in memory, every file or text behind its length."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import DType

DATATYPES: Final[dict[DType, str]] = {"float32": "FP32", "int64": "INT64", "bytes": "BYTES"}
LENGTH: Final = struct.Struct("<I")

Array = NDArray[Any]


def to_raw(array: Array) -> bytes:
    """Arrays of objects hold bytes."""
    if array.dtype != object:
        return array.tobytes()
    return b"".join(LENGTH.pack(len(element)) + element for element in array.flat)


def from_raw(raw: bytes, datatype: str, shape: Sequence[int]) -> Array:
    """The inverse; `datatype` is KServe's name."""
    if datatype == DATATYPES["bytes"]:
        return objects(_elements(raw)).reshape(shape)
    return np.frombuffer(raw, np.float32 if datatype == DATATYPES["float32"] else np.int64).reshape(shape)


def objects(elements: Sequence[object]) -> Array:
    """An array of one dimension that holds these as they are."""
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def _elements(raw: bytes) -> list[bytes]:
    elements: list[bytes] = []
    at = 0
    while at < len(raw):
        (length,) = LENGTH.unpack_from(raw, at)
        at += LENGTH.size
        elements.append(raw[at : at + length])
        at += length
    return elements
