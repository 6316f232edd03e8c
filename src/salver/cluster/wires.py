"""A lane's connection once it has been greeted: bytes of a link, which native code reads and writes by itself."""

import asyncio
import os
import socket
from abc import ABC, abstractmethod
from contextlib import suppress

from salver.cluster.line import Line

_CHUNK = 256 * 1024


class Wire(ABC):
    """A connection to be closed by `finish` or `drop`. One end of it is for the link, by `lend` or by `give`."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(True)
        self._end = end

    def fileno(self) -> int:
        return self._end.fileno()

    def give(self) -> int:
        """The link's end, for somebody in this process, who closes it."""
        return self._end.detach()

    @abstractmethod
    def lent(self) -> None:
        """Another process has been sent the link's end."""

    @abstractmethod
    async def finish(self) -> None:
        """The link has ended: have what it said arrive, and close."""

    @abstractmethod
    def drop(self) -> None:
        """End the link, and close. Idempotent."""


def wire(line: Line) -> Wire:
    """What becomes of a connection after its greeting; the line is of no use any more."""
    return _SecuredWire(line) if line.is_secured else _PlainWire(line)


class _PlainWire(Wire):
    """The connection itself: nobody stands between the two links."""

    def __init__(self, line: Line) -> None:
        own: socket.socket = line.writer.get_extra_info("socket")
        super().__init__(socket.socket(fileno=os.dup(own.fileno())))
        line.abort()

    def lent(self) -> None:
        pass

    async def finish(self) -> None:
        """Closing it while something is unread would take back what is on its way."""
        with suppress(OSError):
            self._end.setblocking(False)
            self._end.shutdown(socket.SHUT_WR)
            while await asyncio.get_running_loop().sock_recv(self._end, _CHUNK):
                pass
        self._end.close()

    def drop(self) -> None:
        # Others may hold descriptors of it: a worker, and whatever the worker has started.
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()


class _SecuredWire(Wire):
    """A pair of sockets, and a task that carries bytes between one of them and the TLS connection."""

    def __init__(self, line: Line) -> None:
        own, end = socket.socketpair()
        super().__init__(end)
        own.setblocking(False)
        self._own = own
        self._line = line
        self._carrying = asyncio.create_task(self._carry())
        # Also if it is cancelled before its first step.
        self._carrying.add_done_callback(lambda _: self._release())

    def lent(self) -> None:
        # Then the other process is the only one that holds it.
        self._end.close()

    async def finish(self) -> None:
        self._end.close()
        await asyncio.wait([self._carrying])

    def drop(self) -> None:
        self._end.close()
        self._carrying.cancel()

    async def _carry(self) -> None:
        """To the end of the link; what it said last is still sent."""
        coming = asyncio.create_task(self._bring())
        try:
            await self._send()
            await self._line.close()
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    def _release(self) -> None:
        self._line.abort()
        self._own.close()

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await loop.sock_recv(self._own, _CHUNK):
                self._line.writer.write(data)
                await self._line.writer.drain()

    async def _bring(self) -> None:
        """To the end of the connection, which the link then sees; one that reads nothing more may still send."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await self._line.reader.read(_CHUNK):
                await loop.sock_sendall(self._own, data)
            self._own.shutdown(socket.SHUT_WR)
