"""The control connection between a server and one of its workers: few messages, as JSON, some with descriptors.

The server says `assignment`, perhaps `try`, `go`, and `bye`. The worker answers with `hello` and a `lane` for each of
the lanes that it names there, `examples`, and `ready`; it says `lane ended` when one does, and `problem` instead of
whatever was due.

A worker whose lanes' links lead to a server elsewhere sends no `lane`. It is given them: `lanes`, as often as needed,
and `serve`; it says `idle` when all of them have ended, and may be given others. After `leave` it only finishes what it
runs.
"""

import json
import socket
import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LINK_VERSION = 1
"""The version of everything that a worker and its server say to each other, here and over links."""

_PACKET = 64 * 1024
_LAST, _MORE = b"\0", b"\1"
_LONGEST = 64 * 1024**2
MOST_DESCRIPTORS = 8
"""So many may go with one message."""


class BrokenControl(Exception):
    """What came over the connection was no message of a worker."""


@dataclass(frozen=True)
class Message:
    """What was said, its fields, and the descriptors that came with it, which are the receiver's to close."""

    say: str
    fields: dict[str, Any]
    descriptors: tuple[int, ...] = ()


def pair() -> tuple["Control", "Control"]:
    """Two connected ends."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Control(one), Control(other)


class Control:
    """One end of the connection, to be closed. Any threads may send while one receives."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._sending = threading.Lock()
        self._begun = b""
        self._descriptors: tuple[int, ...] = ()

    def fileno(self) -> int:
        return self._socket.fileno()

    def set_blocking(self, blocking: bool) -> None:
        self._socket.setblocking(blocking)

    def send(self, say: str, descriptors: Sequence[int] = (), **fields: Any) -> None:
        """Send a message whole. Raises OSError if nobody is at the other end."""
        body = json.dumps({"say": say, **fields}).encode()
        with self._sending:
            for start in range(0, len(body), _PACKET):
                mark = _LAST if start + _PACKET >= len(body) else _MORE
                # The descriptors go with the first packet.
                socket.send_fds(self._socket, [mark, body[start : start + _PACKET]], descriptors if start == 0 else ())

    def receive(self) -> Message | None:
        """The next message; None when the other end is closed.

        Raises BlockingIOError where it does not block and no whole message is there, and BrokenControl.
        """
        mark = _MORE
        while mark == _MORE:
            try:
                packet, descriptors = _packet(self._socket)
            except ConnectionResetError:
                return None
            if not packet:
                return None
            self._descriptors += descriptors
            mark, self._begun = packet[:1], self._begun + packet[1:]
            if len(self._begun) > _LONGEST:
                raise BrokenControl("a message is too long")
        body, self._begun = self._begun, b""
        received, self._descriptors = self._descriptors, ()
        return message_from(body, received)

    def close(self) -> None:
        self._socket.close()


def _packet(connected: socket.socket) -> tuple[bytes, tuple[int, ...]]:
    """As `socket.recv_fds`, which in some versions of Python forgets its flags."""
    numbers = array("i")
    room = socket.CMSG_LEN(MOST_DESCRIPTORS * numbers.itemsize)
    packet, extras, _, _ = connected.recvmsg(_PACKET + 1, room, socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in extras:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(data[: len(data) // numbers.itemsize * numbers.itemsize])
    return packet, tuple(numbers)


def message_from(body: bytes, descriptors: tuple[int, ...] = ()) -> Message:
    """The message that this text is. Raises BrokenControl."""
    try:
        fields = json.loads(body)
        return Message(fields.pop("say"), fields, descriptors)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise BrokenControl(f"{body[:80]!r} is no message") from None
