"""What a server does with a connection of a worker: greet it, let the worker join, and watch it until it goes."""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from salver.cluster.greeting import Purpose, Refused, answer, heard
from salver.cluster.hello import Hello, hello_from
from salver.cluster.line import LONG, Line, LineClosed
from salver.cluster.pulse import Beat, keep_up
from salver.cluster.roster import Member, Roster
from salver.cluster.wires import Wire, wire
from salver.workers.control import Message

Tell = Callable[[str], None]

_REMEMBERED = 64


@dataclass(frozen=True)
class Limits:
    """So many connections may have proved nothing yet, each for so long; and how long joining may take."""

    strangers: int = 64
    greeting_s: float = 5.0
    joining_s: float = 10.0


class Once:
    """Tells what it has not told lately: who is refused comes again and again."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told: deque[str] = deque(maxlen=_REMEMBERED)

    def __call__(self, text: str) -> None:
        if text not in self._told:
            self._told.append(text)
            self._tell(text)


class _Joining:
    """A worker that is welcome, until it has a connection for each of its lanes."""

    def __init__(self, lanes: int) -> None:
        self._wires: dict[int, Wire] = {}
        self._lanes = lanes
        self.complete: asyncio.Future[list[Wire]] = asyncio.get_running_loop().create_future()
        self._look()

    def bring(self, lane: int, line: Line) -> None:
        """A lane's connection. Raises Refused for one that is not missing."""
        if self.complete.done() or lane in self._wires or not 0 <= lane < self._lanes:
            raise _unexpected(lane)
        self._wires[lane] = wire(line)
        self._look()

    def drop(self) -> None:
        for each in self._wires.values():
            each.drop()

    def _look(self) -> None:
        if len(self._wires) == self._lanes:
            self.complete.set_result([self._wires[lane] for lane in range(self._lanes)])


class Reception:
    """Belongs to the loop of a gate. `token` is what workers must know; `tell` is given lines for people."""

    def __init__(self, roster: Roster, token: bytes, tell: Tell, limits: Limits, beat: Beat) -> None:
        self._roster = roster
        self._token = token
        self._tell = tell
        self._limits = limits
        self._beat = beat
        self._joining: dict[str, _Joining] = {}
        self.is_closed = False
        """Whether nobody may join any more."""

    async def greet(self, line: Line) -> Purpose:
        """What somebody wants, who has proved that it is a worker. Raises what `answer` does."""
        return await answer(line, self._token)

    async def serve(self, line: Line, purpose: Purpose, host: str) -> None:
        """See a connection to its end, or for a lane to that of its greeting. Raises Refused, and what lines raise."""
        if purpose.kind == "control":
            await self._employ(line, host)
        elif purpose.join in self._joining:
            self._joining[purpose.join].bring(purpose.lane, line)
        else:
            raise _unexpected(purpose.lane)

    async def _employ(self, line: Line, host: str) -> None:
        async with asyncio.timeout(self._limits.joining_s):
            hello = hello_from((await heard(line, "hello", most=LONG)).fields)
            self._check(hello)
            wires = await self._lanes(line, hello)
        name = f"{hello.servable.name}/{hello.servable.version} worker of {host} ({hello.label})"
        member = self._roster.admit(hello, wires)
        try:
            self._tell(f"salver: {name} has joined, {self._roster.count(hello)} now")
            how = await self._watch(line, member)
        finally:
            self._roster.dismiss(member)
        self._tell(f"salver: {name} {how}, {self._roster.count(hello)} now")

    async def _lanes(self, line: Line, hello: Hello) -> list[Wire]:
        """A connection for each lane."""
        name = secrets.token_hex(16)
        joining = self._joining[name] = _Joining(len(hello.manifest.lanes))
        try:
            await line.say("accepted", join=name)
            return await joining.complete
        except BaseException:
            joining.drop()
            raise
        finally:
            del self._joining[name]

    async def _watch(self, line: Line, member: Member) -> str:
        """How it goes."""
        try:
            await line.say("joined")
            how = await keep_up(line, self._beat, _goes, member.trouble)
            if (news := member.news()) is not None:
                await line.say("dropped", what=news)
        except LineClosed as error:
            return f"is gone: {error}"
        return how if how == _LEFT else f"is gone: {how}"

    def _check(self, hello: Hello) -> None:
        if self.is_closed:
            raise Refused("the server is stopping", "none is needed: it tries again until a server is there")
        self._roster.check(hello)


_LEFT = "has left"


def _goes(message: Message) -> str:
    return _LEFT if message.say == "bye" else f"it said '{message.say}', which nobody asked for"


def _unexpected(lane: int) -> Refused:
    return Refused(f"nobody waits for its lane {lane}", "none is needed: it joins again")
