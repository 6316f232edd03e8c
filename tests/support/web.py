"""What browsers' libraries send and read, by hand: gRPC-Web and the Connect protocol."""

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.http import Reply, post

TRAILERS = 0x80
END_OF_STREAM = 2


def frame(message: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BI", flags, len(message)) + message


def frames(body: bytes) -> list[tuple[int, bytes]]:
    """The flags and the message of each frame."""
    found = []
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        assert len(body) >= 5 + length, "the last frame is cut"
        found.append((flags, body[5 : 5 + length]))
        body = body[5 + length :]
    return found


@dataclass(frozen=True)
class Told:
    """Messages, and how the call ended: trailers of gRPC-Web, or the document that ends a stream of Connect."""

    reply: Reply
    messages: list[bytes]
    end: Any


def grpc_web(
    address: str, path: str, *messages: bytes, text: bool = False, headers: Mapping[str, str] | None = None
) -> Told:
    kind = "application/grpc-web-text+proto" if text else "application/grpc-web+proto"
    body = b"".join(frame(message) for message in messages)
    content = base64.b64encode(body) if text else body
    return read_grpc_web(post(address, path, content, {"Content-Type": kind, "X-Grpc-Web": "1", **(headers or {})}))


def read_grpc_web(reply: Reply) -> Told:
    if reply.headers.get("content-type", "").startswith("application/grpc-web-text"):
        # Each piece is padded by itself.
        groups = (reply.body[at : at + 4] for at in range(0, len(reply.body), 4))
        found = frames(b"".join(map(base64.b64decode, groups)))
    else:
        found = frames(reply.body)
    if not found or found[-1][0] != TRAILERS:
        return Told(reply, [message for _, message in found], dict(reply.headers))
    lines = found[-1][1].decode().split("\r\n")
    trailers = dict(line.split(": ", 1) for line in lines if line)
    assert all(flags == 0 for flags, _ in found[:-1])
    return Told(reply, [message for _, message in found[:-1]], trailers)


def connect_stream(
    address: str, path: str, body: bytes, kind: str = "proto", headers: Mapping[str, str] | None = None
) -> Told:
    named = {"Content-Type": f"application/connect+{kind}", "Connect-Protocol-Version": "1", **(headers or {})}
    reply = post(address, path, body, named)
    found = frames(reply.body)
    assert [flags & END_OF_STREAM for flags, _ in found] == [0] * (len(found) - 1) + [END_OF_STREAM]
    return Told(reply, [message for _, message in found[:-1]], json.loads(found[-1][1]))
