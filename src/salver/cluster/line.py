"""Messages over TCP: each its length in four bytes, then JSON."""

import asyncio
import json
import socket
import ssl
from typing import Any

from salver.workers.control import BrokenControl, Message, message_from

SHORT = 1024
"""The longest message of somebody who has proved nothing."""

LONG = 16 * 1024**2
"""The longest message of a worker."""

BUFFER = 64 * 1024
"""About so much is read before somebody asks for it."""

_HEAD = 4
_CLOSE_S = 1.0


class LineClosed(Exception):
    """The other side has closed the connection, or the way there is broken; the text says how."""


class Line:
    """A connection on which messages are said, to be closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        # So that what was said has been handed to the kernel when `say` returns. TLS takes 0 for always full.
        writer.transport.set_write_buffer_limits(high=int(self.is_secured))
        own: socket.socket = writer.get_extra_info("socket")
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def is_secured(self) -> bool:
        return self.writer.get_extra_info("ssl_object") is not None

    async def say(self, say: str, **fields: Any) -> None:
        """Send a message whole. Raises LineClosed."""
        body = json.dumps({"say": say, **fields}).encode()
        try:
            self.writer.write(len(body).to_bytes(_HEAD, "big") + body)
            await self.writer.drain()
        except OSError as error:
            raise LineClosed(_how(error)) from None

    async def hear(self, most: int) -> Message:
        """The next message, of so many bytes at most. Raises LineClosed, and BrokenControl for what is none."""
        try:
            length = int.from_bytes(await self.reader.readexactly(_HEAD), "big")
            if length > most:
                raise BrokenControl("it is no message, or a message that is too long")
            return message_from(await self.reader.readexactly(length))
        except asyncio.IncompleteReadError:
            raise LineClosed("it closed the connection") from None
        except OSError as error:
            raise LineClosed(_how(error)) from None

    def abort(self) -> None:
        """Close it at once, whatever was not sent."""
        self.writer.transport.abort()

    async def close(self) -> None:
        """Close it once everything was sent, or soon."""
        self.writer.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self.writer.wait_closed()
        except (OSError, TimeoutError):
            self.abort()


def _how(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return error.strerror or str(error)
