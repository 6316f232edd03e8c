"""Values of one instance: what functions get, and what they may give."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from salver.workers.stage import Column

Tensor = NDArray[np.generic]

_SIZES = {"i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "b": (1,)}
_DTYPES = frozenset(np.dtype(f"{kind}{size}") for kind, sizes in _SIZES.items() for size in sizes)


class IllegalValue(ValueError):
    """Something that is no value of a tensor, text or bytes."""

    def __init__(self, given: object) -> None:
        super().__init__(f"Get illegal result data with type {type(given)}")


class Octets:
    """Bytes, which functions see as one writable array; what they write is seen by all that use the value."""

    __slots__ = ("_array", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._array: Tensor | None = None

    @property
    def array(self) -> Tensor:
        if self._array is None:
            self._array = np.frombuffer(bytearray(self._raw), np.uint8)
        return self._array

    @property
    def raw(self) -> bytes:
        return self._raw if self._array is None else self._array.tobytes()


Value = Tensor | str | Octets


def private_rows(column: Column) -> list[Value]:
    """One value for each row, which nobody else sees: arrays may be written to."""
    if isinstance(column, np.ndarray):
        private = column.copy()
        return [private[row, ...] for row in range(len(private))]
    return [each if isinstance(each, str) else Octets(each) for each in column]


def argument(value: Value) -> Tensor | str:
    """The value as functions get it."""
    return value.array if isinstance(value, Octets) else value


def plain(value: Value) -> Tensor | str | bytes:
    """The value as it leaves the worker."""
    return value.raw if isinstance(value, Octets) else value


def value_of(given: Any) -> Value:
    """The value that a function means. Raises IllegalValue, or whatever its `asnumpy` raises."""
    if type(given) is np.ndarray and given.dtype in _DTYPES and given.flags.c_contiguous:
        return given
    if callable(getattr(given, "asnumpy", None)):
        given = given.asnumpy()
    match given:
        case bytes():
            return Octets(given)
        case str():
            return _text(given)
        case bool() | float():
            return np.array(given)
        case int():
            return _integer(given)
    return _tensor(given)


def _text(given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise IllegalValue(given) from None
    return str(given)


def _integer(given: int) -> Tensor:
    try:
        return np.array(given, np.int64)
    except OverflowError:
        raise IllegalValue(given) from None


def _tensor(given: Any) -> Tensor:
    try:
        array = np.asarray(given, order="C")
    except (TypeError, ValueError):
        raise IllegalValue(given) from None
    if array.dtype in _DTYPES:
        return array
    native = array.dtype.newbyteorder("=")
    if native not in _DTYPES:
        raise IllegalValue(given)
    return array.astype(native)
