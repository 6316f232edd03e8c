"""TFRecord files: records one after the other, each with its length and checksums."""

import functools
import math
import operator
import struct
from collections.abc import Iterator

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_LONG = 4096
_HEAD, _SUM = struct.Struct("<QI"), struct.Struct("<I")


class Corrupt(ValueError):
    """A file that is no whole TFRecord file; the text says what is wrong with its record `number`."""

    def __init__(self, number: int, what: str) -> None:
        self.number = number
        super().__init__(what)


def records(data: memoryview) -> Iterator[memoryview]:
    """The records in order. Raises Corrupt."""
    at, number = 0, 0
    while at < len(data):
        number += 1
        if at + _HEAD.size > len(data):
            raise Corrupt(number, "it ends in the middle")
        length, checksum = _HEAD.unpack_from(data, at)
        if masked_crc(data[at : at + 8]) != checksum:
            raise Corrupt(number, "the checksum of its length is wrong")
        start, end = at + _HEAD.size, at + _HEAD.size + length
        if end + _SUM.size > len(data):
            raise Corrupt(number, "it ends in the middle")
        if masked_crc(data[start:end]) != _SUM.unpack_from(data, end)[0]:
            raise Corrupt(number, "its checksum is wrong")
        yield data[start:end]
        at = end + _SUM.size


def record(content: bytes) -> bytes:
    """A record as files have it."""
    length = struct.pack("<Q", len(content))
    return length + _SUM.pack(masked_crc(length)) + content + _SUM.pack(masked_crc(content))


def masked_crc(data: bytes | memoryview) -> int:
    """A CRC-32C, turned so that one of bytes that hold CRCs is no worse than others."""
    crc = (_crc(data) if len(data) < _LONG else _crc_of_blocks(data)) ^ 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc(data: bytes | memoryview) -> int:
    crc, table = 0xFFFFFFFF, _table()
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def _crc_of_blocks(data: bytes | memoryview) -> int:
    """The same, of many blocks at once.

    With nothing to start from, what zeros in front give is nothing; and to start from ones is to invert the first four
    bytes. What is gone through by each single bit beside the blocks tells what their results become after a block.
    """
    import numpy as np

    length = math.isqrt(len(data))
    count = -(-len(data) // length)
    padded = np.zeros(count * length, np.uint8)
    padded[-len(data) :] = np.frombuffer(data, np.uint8)
    padded[-len(data) :][:4] ^= 0xFF
    blocks = np.zeros((length, count + 32), np.uint8)
    blocks[:, :count] = padded.reshape(count, length).T
    crcs = np.zeros(count + 32, np.uint32)
    crcs[count:] = np.uint32(1) << np.arange(32, dtype=np.uint32)
    table = np.array(_table(), np.uint32)
    for column in blocks:
        crcs = table[(crcs ^ column) & 0xFF] ^ crcs >> 8
    moved = crcs[count:].tolist()
    total = 0
    for crc in crcs[:count].tolist():
        total = functools.reduce(operator.xor, (moved[bit] for bit in range(32) if total >> bit & 1), crc)
    return total


@functools.cache
def _table() -> tuple[int, ...]:
    return tuple(_divided(byte) for byte in range(256))


def _divided(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
    return value
