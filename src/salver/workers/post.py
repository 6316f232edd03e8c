"""One worker's place in a version, whoever holds it: filled, kept filled, and left empty in the end."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from salver import _native
from salver.authoring.manifest import Manifest, manifest_from_json
from salver.authoring.spec import Servable
from salver.problems import Problem, Unusable
from salver.workers.control import LINK_VERSION, Message
from salver.workers.handle import WorkerEnded, WorkerHandle
from salver.workers.in_process import WorkerThread
from salver.workers.keeping import Seat, keep
from salver.workers.lane_ends import LaneEnds, close_all
from salver.workers.log_file import LogFile
from salver.workers.orders import Order, Orders, Patience
from salver.workers.patiently import TooSlow, patiently
from salver.workers.process import WorkerProcess
from salver.workers.relay import Relay, Several, Source, Stream

_PARTING_S = 1.0
_ASTRAY = "lost its link to the server"
# Parts of what a link says that ended only because its worker did, or its version.
_NO_NEWS = ("the worker is gone", "it was ended", "the version was closed", "os error")


class Death(Problem):
    """That a worker ended, and told nothing, before it was ready."""


def died(problem: Problem) -> bool:
    return isinstance(problem, Death)


def news_of(links: Sequence[_native.LinkLane]) -> str | None:
    """Why one of the links has ended, if it did by itself."""
    reasons = (link.ended or "" for link in links)
    return next((each for each in reasons if each and not any(known in each for known in _NO_NEWS)), None)


@dataclass
class Introduced:
    """What a worker has said of itself, and its lanes by their indices in the manifest.

    The lanes' descriptors are closed when they are attached.
    """

    manifest: str
    lanes: dict[int, LaneEnds]

    def parsed(self) -> Manifest:
        return manifest_from_json(self.manifest)

    def close(self) -> None:
        while self.lanes:
            self.lanes.popitem()[1].close()


# Takes an introduced worker's lanes, and its process if it has one, to the engine.
Attach = Callable[[Introduced, int | None], list[_native.LinkLane]]


class Post:
    """All methods belong to the supervisor's loop."""

    def __init__(self, index: int, orders: Orders, relay: Relay, patience: Patience) -> None:
        self._index = index
        self._orders = orders
        self._relay = relay
        self._patience = patience
        self._label = orders.label(index)
        self._own = Several([relay.source("", "stderr")])
        self._log: Source | None = None
        self._handle: WorkerHandle | None = None
        self._links: list[_native.LinkLane] = []

    async def introduce(self) -> Introduced:
        """Start a worker and hear what it serves. Raises Unusable; the worker is ended then."""
        order = self._orders.order(self._index)
        handle = self._handle = self._start(order)
        introduced = Introduced("", {})
        try:
            handle.say("assignment", **order.assignment.form())
            await self._patiently("loading", self._hear(handle, introduced))
        except BaseException:
            introduced.close()
            await self.end(orderly=False)
            raise
        return introduced

    async def examples(self) -> dict[str, Any]:
        """What an introduced worker has for trying its methods, before it joins. Raises Unusable."""
        handle = self._filled()
        handle.say("try")
        examples: dict[str, Any] = (await self._said(handle, "examples")).fields["examples"]
        return examples

    async def join(self, introduced: Introduced, attach: Attach) -> None:
        """Let it warm up, and attach its lanes. Raises Unusable; the worker is ended then."""
        handle = self._filled()
        try:
            handle.say("go")
            await self._patiently("warming up", self._said(handle, "ready"))
            self._links = self._attached(introduced, attach, handle)
        except BaseException:
            introduced.close()
            await self.end(orderly=False)
            raise

    async def begin(self, manifest: str, attach: Attach) -> None:
        """Introduce and join a worker that must serve exactly this. Raises Unusable."""
        introduced = await self.introduce()
        if introduced.manifest != manifest:
            introduced.close()
            await self.end(orderly=True)
            what = f"is now another servable than the one that runs: {_difference(manifest, introduced.manifest)}"
            remedy = "start the server again if the file was changed; else let what it declares not depend on chance"
            raise Unusable(self._orders.file, what, remedy)
        await self.join(introduced, attach)

    async def keep(self, manifest: str, attach: Attach) -> None:
        """Fill the post again, for ever, whenever its worker ends. It has just joined."""
        seat = Seat(self._label, self._lost, partial(self.begin, manifest, attach), "could not be loaded again")
        await keep(seat, self._patience.backoff, self._own.say)

    async def end(self, orderly: bool) -> None:
        """End whoever holds the post; what it has not answered is lost. One that still runs it is not asked twice."""
        for link in self._links:
            link.end()
        if self._handle is not None:
            # It stays noted until it has ended, should this be cancelled.
            await self._handle.end(orderly and await self._lanes_ended(self._handle))
            self._handle = None

    async def _lanes_ended(self, handle: WorkerHandle) -> bool:
        """Whether its lanes have noticed soon that their links are at an end, so that it can listen."""
        try:
            async with asyncio.timeout(_PARTING_S):
                for _ in self._links:
                    await handle.next()
        except (TimeoutError, WorkerEnded):
            return False
        return True

    def _start(self, order: Order) -> WorkerHandle:
        if self._orders.in_process:
            return WorkerThread(self._label)
        try:
            self._begin_log(order)
            return WorkerProcess(order.environment, self._output("stdout"), self._output("stderr"))
        except OSError as error:
            what = f"its worker cannot be started: {error.strerror or error}"
            raise Unusable(self._orders.file, what, "see that processes, memory and open files are left") from None

    def _begin_log(self, order: Order) -> None:
        if order.log is None or self._orders.logs is None:
            return
        if self._log is None:
            self._log = self._relay.file(LogFile(self._orders.logs, order.log, self._own.say))
            self._own.add(self._log)
        self._log.say(f"salver: {self._label} is started at {time.strftime('%Y-%m-%d %H:%M:%S')}")

    def _output(self, stream: Stream) -> Several:
        """Where a worker's output goes."""
        told = self._relay.source(self._label, stream)
        return Several([told] if self._log is None else [told, self._log])

    async def _hear(self, handle: WorkerHandle, introduced: Introduced) -> None:
        hello = await self._said(handle, "hello")
        if hello.fields["link"] != LINK_VERSION:
            what = f"its worker speaks version {hello.fields['link']} of the link, the server {LINK_VERSION}"
            raise Unusable(self._orders.file, what, "start the server again: salver was replaced while it ran")
        introduced.manifest = hello.fields["manifest"]
        await self._hear_lanes(handle, introduced, hello.fields["lanes"])

    async def _hear_lanes(self, handle: WorkerHandle, introduced: Introduced, indices: Sequence[int]) -> None:
        for index in indices:
            lane = await self._said(handle, "lane")
            introduced.lanes[index] = LaneEnds(*lane.descriptors)

    async def _said(self, handle: WorkerHandle, say: str) -> Message:
        """The next message, which should be this one. Raises Unusable if it is a problem, or if there is none."""
        try:
            message = await handle.next()
        except WorkerEnded as error:
            raise self._unserved(error) from None
        if message.say == say:
            return message
        close_all(message.descriptors)
        if message.say == "problem":
            raise Unusable(**message.fields)
        raise Unusable(self._orders.file, f"its worker said '{message.say}', not '{say}'", "start the server again")

    def _unserved(self, error: WorkerEnded) -> Unusable:
        remedy = "see what it printed; the file's own code or a library that it uses ended the process"
        unusable = Unusable(self._orders.file, f"its worker {error} before it served", remedy)
        unusable.problem = Death(**vars(unusable.problem))
        return unusable

    def _attached(self, introduced: Introduced, attach: Attach, handle: WorkerHandle) -> list[_native.LinkLane]:
        try:
            return attach(introduced, handle.pidfd)
        except (OSError, ValueError, RuntimeError) as error:
            what = f"its worker cannot be attached: {error}"
            raise Unusable(self._orders.file, what, "see that memory and open files are left") from None

    async def _lost(self) -> str:
        """How the worker that has joined came to an end."""
        handle = self._filled()
        try:
            message = await self._parting(handle)
        except WorkerEnded as error:
            how = str(error)
        else:
            how = _ASTRAY if message is None else await self._left(handle, message)
        await self.end(orderly=False)
        links, self._links = self._links, []
        news = news_of(links)
        return f"{how}: {news}" if news else how

    async def _parting(self, handle: WorkerHandle) -> Message | None:
        """What it says at its end; None if it lost a link and says nothing, as its code may be busy for ever.

        Raises WorkerEnded.
        """
        told = asyncio.create_task(handle.next())
        try:
            while True:
                astray = any(link.ended for link in self._links)
                await asyncio.wait([told], timeout=_PARTING_S)
                if told.done() or astray:
                    return told.result() if told.done() else None
        finally:
            told.cancel()
            # An error would keep it, and so itself, and with it whatever its callers hold.
            del told

    async def _left(self, handle: WorkerHandle, message: Message) -> str:
        """What one means that says it has ended a lane; the process may be about to end for the same reason."""
        close_all(message.descriptors)
        if message.fields.get("problem"):
            self._own.say(f"salver: {Problem(**message.fields['problem'])}")
        await asyncio.wait([handle.ended], timeout=_PARTING_S)
        return handle.ended.result() if handle.ended.done() else _ASTRAY

    async def _patiently(self, doing: str, waited_for: Coroutine[Any, Any, object]) -> None:
        try:
            await patiently(waited_for, doing, self._label, self._patience, self._own.say)
        except TooSlow as error:
            remedy = "see what it printed, and what the file waits for"
            raise Unusable(self._orders.file, f"its worker {error}", remedy) from None

    def _filled(self) -> WorkerHandle:
        assert self._handle is not None, "nobody holds the post"
        return self._handle


def _difference(one: str, other: str) -> str:
    """In one word, what the manifests differ in."""
    first, second = manifest_from_json(one), manifest_from_json(other)
    return difference(first.servable, second.servable) or "its lanes, models or settings differ"


def difference(one: Servable, other: Servable) -> str | None:
    """In a few words, what the servables differ in; None if they are the same."""
    for name in ("methods", "stages"):
        if getattr(one, name) != getattr(other, name):
            return f"its {name} differ"
    return None
