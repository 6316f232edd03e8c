"""Protocol buffers, read where they lie, without anybody's schema or generated code.

A message is walked field by field rather than parsed: what nobody asks for is stepped over, so that a model of
gigabytes costs as much as a small one.
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from salver.problems import Unusable

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Value = memoryview | int
"""Of a field: its number, or its bytes, which may be a message, text, packed numbers or a float."""


class Malformed(ValueError):
    """Bytes that are no protocol buffers, or not of the kind that they should be."""


def mapped(file: Path) -> memoryview:
    """A file's content, of which only what is looked at is read. Raises Unusable if it cannot be read."""
    try:
        with file.open("rb") as opened:
            empty = not file.stat().st_size  # which cannot be mapped
            return memoryview(b"" if empty else mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise Unusable(file, f"cannot be read: {error.strerror or error}", "let the server's user read it") from None


class Message:
    """The fields of one message. Those within it are not looked at before they are asked for.

    What is asked for by a number that the message does not have is empty, or zero. Raises Malformed.
    """

    def __init__(self, data: memoryview | bytes = b"") -> None:
        self.data = memoryview(data)
        self._fields: dict[int, list[Value]] = {}
        for number, value, _ in fields(self.data):
            self._fields.setdefault(number, []).append(value)

    def has(self, number: int) -> bool:
        return number in self._fields

    def values(self, number: int) -> list[Value]:
        """All that the message has by this number."""
        return self._fields.get(number, [])

    def integer(self, number: int) -> int:
        """The last one, which is the one that counts; it may be negative."""
        values = self.values(number)
        return _signed(values[-1]) if values else 0

    def integers(self, number: int) -> list[int]:
        """All, packed or one by one."""
        found: list[int] = []
        for value in self.values(number):
            if isinstance(value, int):
                found.append(_signed(value))
                continue
            at = 0
            while at < len(value):
                each, at = _varint(value, at)
                found.append(_signed(each))
        return found

    def fixed(self, number: int) -> bytes:
        """Numbers of fixed size one after the other, packed or not, as they lie there."""
        return b"".join(map(_bytes, self.values(number)))

    def bytes(self, number: int) -> memoryview:
        values = self.values(number)
        return _bytes(values[-1]) if values else memoryview(b"")

    def text(self, number: int) -> str:
        return str(self.bytes(number), "utf-8", "replace")

    def message(self, number: int) -> Self:
        return type(self)(self.bytes(number))

    def messages(self, number: int) -> Iterator[Self]:
        return (type(self)(_bytes(value)) for value in self.values(number))

    def map(self, number: int) -> dict[str, Self]:
        """A field that is a map from text to messages, in alphabetical order: files have it in any."""
        return dict(sorted((entry.text(1), entry.message(2)) for entry in self.messages(number)))


def fields(data: memoryview) -> Iterator[tuple[int, Value, memoryview]]:
    """The fields of a message in order: number, value, and the whole field as it lies there. Raises Malformed."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value, data[start:at]
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise Malformed(f"it has a field of the unknown kind {kind}")
        if at + length > len(data):
            raise Malformed("it ends in the middle")
        yield number, data[at : at + length], data[start : at + length]
        at += length


def field(number: int, content: bytes | memoryview) -> bytes:
    """A field of bytes, as a message has it."""
    return _encoded(number << 3 | _BYTES) + _encoded(len(content)) + bytes(content)


def number_field(number: int, value: int) -> bytes:
    """A field of a number, which may be negative, as a message has it."""
    return _encoded(number << 3 | _VARINT) + _encoded(value % 2**64)


def floats(packed: bytes, width: int) -> tuple[float, ...]:
    """Packed floats of 4 or 8 bytes. Raises Malformed."""
    if len(packed) % width:
        raise Malformed("it has a float that ends in the middle")
    return struct.unpack(f"<{len(packed) // width}{'f' if width == 4 else 'd'}", packed)


def _encoded(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Malformed("it ends in the middle")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise Malformed("it has a number that does not end")


def _signed(value: Value) -> int:
    if not isinstance(value, int):
        raise Malformed("it has bytes where a number is due")
    return value if value < 2**63 else value - 2**64


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise Malformed("it has a number where a message is due")
    return value
