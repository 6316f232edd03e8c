from collections.abc import Callable
from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.runtimes.protobuf import Malformed, Message, field, fields, floats, mapped

LONG = "ä" * 100
NEGATIVE = bytes([0xFF] * 9 + [0x01])


def test_fields_are_found_by_their_numbers_and_the_last_one_counts() -> None:
    message = Message(b"\x08\x96\x01" + field(2, b"first") + field(2, LONG.encode()) + field(3, field(1, b"deep")))
    assert message.integer(1) == 150
    assert message.text(2) == LONG
    assert [bytes(value) for value in message.values(2)] == [b"first", LONG.encode()]  # type: ignore[arg-type]
    assert message.message(3).text(1) == "deep"


def test_what_is_not_there_is_empty_or_zero() -> None:
    message = Message()
    assert not message.has(1)
    assert (message.integer(1), message.text(1), message.integers(1), list(message.messages(1))) == (0, "", [], [])
    assert message.message(1).message(1).text(1) == ""


def test_numbers_may_be_negative_packed_or_one_by_one() -> None:
    one_by_one = Message(b"\x08" + NEGATIVE + b"\x08\x05")
    packed = Message(field(1, NEGATIVE + b"\x05"))
    assert one_by_one.integers(1) == packed.integers(1) == [-1, 5]
    assert one_by_one.integer(1) == 5
    singly, together = b"\x0d\0\0\x80\x3f\x0d\0\0\0\x40", field(1, b"\0\0\x80\x3f\0\0\0\x40")
    assert [floats(Message(each).fixed(1), 4) for each in (singly, together)] == [(1.0, 2.0)] * 2


def test_a_map_is_in_alphabetical_order() -> None:
    def entry(key: bytes) -> bytes:
        return field(5, field(1, key) + field(2, field(1, b"value of " + key)))

    assert [(key, value.text(1)) for key, value in Message(entry(b"z") + entry(b"a")).map(5).items()] == [
        ("a", "value of a"),
        ("z", "value of z"),
    ]


def test_fields_can_be_copied_as_they_lie_there() -> None:
    content = field(7, b"x" * 300) + b"\x08\x05" + b"\x15abcd" + b"\x19abcdefgh"
    assert b"".join(whole for _, _, whole in fields(memoryview(content))) == content


READ: list[tuple[bytes, Callable[[Message], object], str]] = [
    (b"\x0a\x05abc", lambda message: message, "ends in the middle"),
    (b"\x08", lambda message: message, "ends in the middle"),
    (b"\xff" * 11, lambda message: message, "a number that does not end"),
    (b"\x0b", lambda message: message, "the unknown kind 3"),
    (b"\x08\x05", lambda message: message.text(1), "a number where a message is due"),
    (b"\x0a\x01a", lambda message: message.integer(1), "bytes where a number is due"),
    (field(1, b"abc"), lambda message: floats(message.fixed(1), 4), "a float that ends in the middle"),
]


@pytest.mark.parametrize(("content", "read", "what"), READ)
def test_what_is_malformed_is_told(content: bytes, read: Callable[[Message], object], what: str) -> None:
    with pytest.raises(Malformed, match=what):
        read(Message(content))


def test_a_file_is_mapped_even_if_it_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"", b"content"):
        file.write_bytes(content)
        assert bytes(mapped(file)) == content
    with pytest.raises(Unusable, match="cannot be read"):
        mapped(tmp_path)
