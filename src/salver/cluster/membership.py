"""One time of being joined to a server, on the worker's side."""

import asyncio
import os
import ssl
from contextlib import suppress
from dataclasses import dataclass

from salver.cluster.greeting import Purpose, Refused, heard, knock
from salver.cluster.hello import Hello
from salver.cluster.keys import Keys
from salver.cluster.line import BUFFER, Line, LineClosed
from salver.cluster.pulse import Beat, keep_up
from salver.cluster.wires import Wire, wire
from salver.config.addresses import Address
from salver.workers.control import BrokenControl, Message

_FINISH_S = 5.0


class Dropped(Exception):
    """The server wants to be rid of this worker, for it hangs; the text says why."""


class NotJoined(Exception):
    """The server is not there, or does not want this worker; the text says why, to follow its address."""


@dataclass(frozen=True)
class Way:
    """To a server: where it is, what both show each other, and how long each step of joining may take."""

    address: Address
    keys: Keys
    step_s: float = 5.0
    beat: Beat = Beat()

    @property
    def host(self) -> str:
        """To connect to; the address that stands for all of this host's is no place elsewhere."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address.host, self.address.host)


class Membership:
    """A worker's connections to a server, to be ended by `finish` or `drop`: one wire for each lane, in order."""

    def __init__(self, way: Way, line: Line, wires: list[Wire]) -> None:
        self.wires = wires
        self._way = way
        self._line = line

    async def keep(self) -> str:
        """Be there, until the server is not there any more; why. Raises Dropped."""
        return await keep_up(self._line, self._way.beat, _asked_for, lambda: None)

    async def finish(self) -> None:
        """The links have ended, as nothing was left to do: have what they said arrive, and say bye."""
        with suppress(TimeoutError, LineClosed):
            async with asyncio.timeout(_FINISH_S):
                await asyncio.gather(*(each.finish() for each in self.wires))
                await self._line.say("bye")
                await self._line.close()
        self.drop()

    def drop(self) -> None:
        """End everything at once; links see their end. Idempotent."""
        self._line.abort()
        for each in self.wires:
            each.drop()


async def join(way: Way, hello: Hello) -> Membership:
    """Join a server, and connect every lane. Raises NotJoined."""
    line: Line | None = None
    wires: list[Wire] = []
    try:
        line = await _greeted(way, Purpose("control"))
        async with asyncio.timeout(way.step_s):
            await line.say("hello", **hello.fields())
            name = str((await heard(line, "accepted")).fields.get("join"))
        for lane in range(len(hello.manifest.lanes)):
            wires.append(wire(await _greeted(way, Purpose("lane", name, lane))))
        async with asyncio.timeout(way.step_s):
            await heard(line, "joined")
        return Membership(way, line, wires)
    except BaseException as error:
        if line is not None:
            Membership(way, line, wires).drop()
        if isinstance(error, (Refused, LineClosed, BrokenControl, OSError)):
            raise NotJoined(_why(error)) from None
        raise


async def _greeted(way: Way, purpose: Purpose) -> Line:
    """A connection that is welcome. Raises Refused, LineClosed, BrokenControl, OSError and TimeoutError."""
    async with asyncio.timeout(way.step_s):
        line = await _line(way)
        try:
            await knock(line, way.keys.token, purpose)
        except BaseException:
            line.abort()
            raise
    return line


async def _line(way: Way) -> Line:
    certificates = way.keys.certificates
    if certificates is None:
        return Line(*await asyncio.open_connection(way.host, way.address.port, limit=BUFFER))
    context = certificates.context()
    reader, writer = await asyncio.open_connection(
        way.host, way.address.port, limit=BUFFER, ssl=context, server_hostname=way.host
    )
    return Line(reader, writer)


def _asked_for(message: Message) -> str:
    if message.say == "dropped":
        raise Dropped(message.fields.get("what"))
    return f"it said '{message.say}', which nobody asked for"


def _why(error: Exception) -> str:
    if isinstance(error, Refused):
        return f"refuses it: {error.what}\n  remedy: {error.remedy}"
    if isinstance(error, TimeoutError):
        return "does not answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"does not speak TLS as this worker does: {error.reason or error}"
    if isinstance(error, OSError) and error.errno:
        return f"cannot be reached: {os.strerror(error.errno) if error.errno > 0 else error.strerror}"
    remedy = "see what the server says of it; both must say mtls:, with certificates that they trust, or neither"
    return f"ended the connection\n  remedy: {remedy}"
