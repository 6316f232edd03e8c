"""Made-up input for models, and comparing what they give for it.

Deliberately without numpy: a server that starts would spend more time on importing it than on everything here.
"""

import random
import struct
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan, prod
from typing import Any

from salver.authoring.spec import Dim, Port

# (element type, shape, data), the form in which tensors cross the native edge.
Tensor = tuple[str, list[int], bytes | list[bytes]]

_BLOCK = 1021  # a prime, so that repeating the block does not repeat with the tensor's axes
_WIDTHS = {"int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q"}
_WIDTHS |= {"uint64": "Q", "float16": "e", "float32": "f", "float64": "d"}
_TOLERANCES = {"bfloat16": 5e-2, "float16": 2e-2, "float32": 1e-3, "float64": 1e-6}


@dataclass(frozen=True)
class Guess:
    """What made-up input is like: the length of every free dimension, and what integers may be.

    Integers are small, because an index must lie within a table, and a length within a sequence.
    """

    length: int
    integers: tuple[int, int]

    def shape(self, dims: Sequence[Dim]) -> list[int]:
        return [self.length if isinstance(dim, str) else dim for dim in dims]


def guesses(ports: Sequence[Port]) -> Iterator[Guess]:
    """From the most to the least likely to be accepted."""
    free = any(isinstance(dim, str) for port in ports for dim in port.dims or ())
    for length in (8, 32, 224, 1) if free else (1,):
        for integers in ((0, 1), (1, 1)):
            yield Guess(length, integers)


def two_rows(ports: Sequence[Port], guess: Guess) -> tuple[list[Tensor], list[Tensor]]:
    """Two rows that differ, without leading dimension."""
    source = random.Random(2_718_281)
    pairs = [_two_values(port, guess, source) for port in ports]
    return [first for first, _ in pairs], [second for _, second in pairs]


def stacked(rows: Sequence[list[Tensor]]) -> list[Tensor]:
    """The rows as one batch: every tensor gets a leading dimension."""
    return [(columns[0][0], [len(rows), *columns[0][1]], _joined(columns)) for columns in zip(*rows, strict=True)]


def agree(together: Tensor, apart: Sequence[Tensor]) -> bool:
    """Whether a batch holds what its rows gave one by one, as far as its element type can tell."""
    dtype, shape, data = together
    if any(row[0] != dtype or row[1] != [1, *shape[1:]] for row in apart) or shape[:1] != [len(apart)]:
        return False
    width = len(data) // len(apart)
    pieces = [data[index * width : (index + 1) * width] for index in range(len(apart))]
    return all(_alike(dtype, piece, row[2]) for piece, row in zip(pieces, apart, strict=True))


def as_json(tensor: Tensor) -> Any:
    """The tensor as plain JSON says it: nested arrays; bytes, and text that is no UTF-8, in Base64."""
    dtype, shape, data = tensor
    if isinstance(data, bytes):
        values: list[Any] = [bool(each) for each in data] if dtype == "bool" else list(_numbers(dtype, data))
    else:
        values = [each.decode() if dtype == "str" else {"b64": b64encode(each).decode()} for each in data]
    return _nested(values, shape)


def _nested(values: Sequence[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return values[0]
    size = len(values) // max(shape[0], 1)
    return [_nested(values[index * size : (index + 1) * size], shape[1:]) for index in range(shape[0])]


def _two_values(port: Port, guess: Guess, source: random.Random) -> tuple[Tensor, Tensor]:
    shape, dtype = guess.shape(port.dims or ()), port.dtype or "float32"
    count = prod(shape)
    if dtype in ("str", "bytes"):
        return (dtype, shape, [b"one"] * count), (dtype, shape, [b"another"] * count)
    if "float" in dtype:
        drawn = [[source.uniform(-1, 1) for _ in range(min(count, _BLOCK))] for _ in range(2)]
        first, second = (_packed(dtype, values) for values in drawn)
    else:
        low, high = guess.integers if dtype != "bool" else (0, 1)
        choices = [source.random() < 0.5 for _ in range(min(count, _BLOCK))]
        first = _packed(dtype, [high if choice else low for choice in choices])
        second = _packed(dtype, [low if choice else high for choice in choices])
    return (dtype, shape, _filled(first, count)), (dtype, shape, _filled(second, count))


def _filled(block: bytes, count: int) -> bytes:
    if count <= _BLOCK:
        return block
    size = len(block) // _BLOCK * count
    return (block * (count // _BLOCK + 1))[:size]


def _packed(dtype: str, values: Sequence[float]) -> bytes:
    if dtype == "bool":
        return bytes(map(int, values))
    if dtype == "bfloat16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    return struct.pack(f"<{len(values)}{_WIDTHS[dtype]}", *values)


def _joined(columns: Sequence[Tensor]) -> bytes | list[bytes]:
    pieces = [column[2] for column in columns]
    if isinstance(pieces[0], bytes):
        return b"".join(piece for piece in pieces if isinstance(piece, bytes))
    return [value for piece in pieces for value in piece if isinstance(value, bytes)]


def _numbers(dtype: str, data: bytes) -> Sequence[float]:
    if dtype == "bfloat16":
        data = b"".join(b"\0\0" + data[at : at + 2] for at in range(0, len(data), 2))
        return struct.unpack(f"<{len(data) // 4}f", data)
    return struct.unpack(f"<{len(data) // struct.calcsize(_WIDTHS[dtype])}{_WIDTHS[dtype]}", data)


def _alike(dtype: str, one: bytes | list[bytes], other: bytes | list[bytes]) -> bool:
    if one == other:
        return True
    tolerance = _TOLERANCES.get(dtype)
    if tolerance is None or not isinstance(one, bytes) or not isinstance(other, bytes):
        return False
    left, right = _numbers(dtype, one), _numbers(dtype, other)
    largest = max((abs(value) for value in (*left, *right) if value - value == 0), default=0.0)
    limit = tolerance * largest
    return all(a == b or abs(a - b) <= limit or (isnan(a) and isnan(b)) for a, b in zip(left, right, strict=True))
