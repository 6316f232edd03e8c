import os
import socket
from collections.abc import Iterator

import pytest

from salver.workers.control import BrokenControl, Control, pair


@pytest.fixture
def ends() -> Iterator[tuple[Control, Control]]:
    one, other = pair()
    yield one, other
    one.close()
    other.close()


def test_what_is_said_arrives_in_order(ends: tuple[Control, Control]) -> None:
    one, other = ends
    one.send("go")
    one.send("problem", where="add.py:3", what="größer", remedy="mend it")
    first, second = other.receive(), other.receive()
    assert first is not None
    assert second is not None
    assert (first.say, first.fields) == ("go", {})
    assert second.fields == {"where": "add.py:3", "what": "größer", "remedy": "mend it"}


def test_descriptors_come_along_and_are_not_inherited(ends: tuple[Control, Control]) -> None:
    one, other = ends
    reader, writer = os.pipe()
    one.send("lane", (reader, writer))
    os.close(reader)
    os.close(writer)
    message = other.receive()
    assert message is not None
    received, sent = message.descriptors
    os.write(sent, b"still open")
    assert os.read(received, 100) == b"still open"
    assert not os.get_inheritable(received)
    os.close(received)
    os.close(sent)


def test_a_message_may_be_longer_than_a_packet(ends: tuple[Control, Control]) -> None:
    one, other = ends
    text = "x" * 150_000
    one.send("hello", manifest=text)
    message = other.receive()
    assert message is not None
    assert message.fields["manifest"] == text


def test_half_a_message_is_waited_for(ends: tuple[Control, Control]) -> None:
    one, other = ends
    other.set_blocking(False)
    with pytest.raises(BlockingIOError):
        other.receive()
    os.write(one.fileno(), b'\1{"say": ')
    with pytest.raises(BlockingIOError):
        other.receive()
    os.write(one.fileno(), b'\0"go"}')
    message = other.receive()
    assert message is not None
    assert message.say == "go"


def test_the_end_of_the_other_side_is_none_and_then_nobody_can_be_told(ends: tuple[Control, Control]) -> None:
    one, other = ends
    one.close()
    assert other.receive() is None
    with pytest.raises(BrokenPipeError):
        other.send("go")


@pytest.mark.parametrize("packet", [b"\0", b"\0nonsense", b"\0[1]", b"\0{}", b'\0"go"', b"\0\xff"])
def test_what_is_no_message_is_told(packet: bytes) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one:
        one.send(packet)
        control = Control(other)
        with pytest.raises(BrokenControl, match="is no message"):
            control.receive()
        control.close()
