import random

import pytest

from salver.runtimes.tfrecord import Corrupt, masked_crc, record, records

GOOD = record(b"one") + record(b"") + record(b"x" * 9000)


def unmasked(data: bytes) -> int:
    turned = (masked_crc(data) - 0xA282EAD8) % 2**32
    return (turned << 15 | turned >> 17) % 2**32


def test_checksums_are_those_of_the_standard() -> None:
    """RFC 3720, appendix B.4."""
    assert unmasked(b"123456789") == 0xE3069283
    assert unmasked(bytes(32)) == 0x8A9136AA
    assert unmasked(b"\xff" * 32) == 0x62A8AB43


@pytest.mark.parametrize("length", [4096, 4097, 5000, 10_000, 65_536])
def test_of_long_records_they_are_computed_in_blocks(length: int) -> None:
    data = random.Random(length).randbytes(length)
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    assert unmasked(data) == crc ^ 0xFFFFFFFF


def test_records_are_read_in_order() -> None:
    assert [bytes(each) for each in records(memoryview(GOOD))] == [b"one", b"", b"x" * 9000]
    assert list(records(memoryview(b""))) == []


@pytest.mark.parametrize(
    ("content", "number", "what"),
    [
        (GOOD[:-1], 3, "it ends in the middle"),
        (GOOD[:25], 2, "it ends in the middle"),
        (GOOD[:-1] + b"?", 3, "its checksum is wrong"),
        (b"\x04" + GOOD[1:], 1, "the checksum of its length is wrong"),
        (GOOD[:12] + b"0" + GOOD[13:], 1, "its checksum is wrong"),
    ],
)
def test_what_is_corrupt_is_told_with_the_records_number(content: bytes, number: int, what: str) -> None:
    with pytest.raises(Corrupt, match=what) as corrupt:
        list(records(memoryview(content)))
    assert corrupt.value.number == number
