"""One worker's place where its server is elsewhere: its process is kept, and joins whenever a server is there."""

import asyncio
import os
import secrets
import socket
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from salver.cluster.hello import Hello
from salver.cluster.membership import Dropped, Membership, NotJoined, Way, join
from salver.problems import Problem
from salver.workers.backoff import Backoff
from salver.workers.control import MOST_DESCRIPTORS, Message
from salver.workers.handle import WorkerEnded, WorkerHandle
from salver.workers.lane_ends import close_all
from salver.workers.orders import Orders, Patience
from salver.workers.post import Attach, Introduced, Post
from salver.workers.relay import Relay

T = TypeVar("T")

_PARTING_S = 1.0
_JOINING = Backoff(first_s=0.1, longest_s=2.0)


class _Left(Exception):
    """The worker was told to leave, and has nothing left to do."""


class _Lost(Exception):
    """The worker is of no use any more; the text says why, to follow its name."""


class Outpost(Post):
    """All methods belong to the supervisor's loop."""

    def __init__(self, index: int, orders: Orders, relay: Relay, patience: Patience, way: Way) -> None:
        super().__init__(index, orders, relay, patience)
        self._way = way
        self._name = secrets.token_hex(16)
        self._hello: Hello
        self._leaving = asyncio.Event()
        self.has_joined = False
        self.has_tried = asyncio.Event()
        """Set once it has tried to join, whatever came of it."""

    def leave(self) -> None:
        """Finish what is being run; `keep` ends then, if it has joined."""
        self._leaving.set()

    async def keep(self, manifest: str, attach: Attach) -> None:
        with suppress(_Left):
            await super().keep(manifest, attach)

    async def _hear_lanes(self, handle: WorkerHandle, introduced: Introduced, indices: Sequence[int]) -> None:
        """It has none until it has joined."""
        manifest = introduced.parsed()
        manifest = replace(manifest, run_timeout_s=self._orders.run_timeout_s or manifest.run_timeout_s)
        self._hello = Hello(manifest, self._name, f"{socket.gethostname()}, process {os.getpid()}, {self._index}")

    async def _lost(self) -> str:
        """Join one time after the other, until the worker itself is lost; how that was."""
        handle = self._filled()
        try:
            while True:
                await self._serve(handle, await self._join(handle))
        except (WorkerEnded, _Lost) as error:
            how = str(error)
        await self.end(orderly=False)
        return how

    async def _join(self, handle: WorkerHandle) -> Membership:
        """Try until it succeeds. Raises WorkerEnded."""
        failures, told = 0, ""
        while True:
            try:
                membership = await self._while_alive(handle, join(self._way, self._hello))
            except NotJoined as error:
                failures += 1
                if str(error) != told:
                    self._say(f"waits for the server at {self._way.address}, which {error}")
                told = str(error)
                await self._while_alive(handle, asyncio.sleep(_JOINING.delay_s(failures)))
            else:
                self._say(f"has joined the server at {self._way.address}")
                return membership
            finally:
                self.has_tried.set()

    async def _serve(self, handle: WorkerHandle, membership: Membership) -> None:
        """One time of being joined. Raises WorkerEnded, _Lost, and _Left when it was told to leave and is done."""
        self._lend(handle, membership)
        idle = asyncio.create_task(self._until_idle(handle, membership))
        keeping = asyncio.create_task(membership.keep())
        leaving = asyncio.create_task(self._leaving.wait())
        self.has_joined = True
        try:
            either: list[asyncio.Future[Any]] = [idle, keeping, leaving]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and not idle.done() and not keeping.done():
                handle.say("leave")
                await asyncio.wait(either[:2], return_when=asyncio.FIRST_COMPLETED)
                if idle.done() and not idle.exception():
                    await membership.finish()
                raise _Left
            how = _reason(keeping) if keeping.done() else "a lane was cut off"
            self.has_joined = False
            membership.drop()
            self._say(f"has lost the server at {self._way.address}: {how}")
            await self._settle(idle)
        finally:
            self.has_joined = False
            membership.drop()
            for task in (idle, keeping, leaving):
                task.cancel()
            await asyncio.gather(idle, keeping, leaving, return_exceptions=True)

    def _lend(self, handle: WorkerHandle, membership: Membership) -> None:
        """Give the worker the links of its lanes."""
        wires = membership.wires
        for start in range(0, len(wires), MOST_DESCRIPTORS):
            handle.say("lanes", [each.fileno() for each in wires[start : start + MOST_DESCRIPTORS]])
        handle.say("serve")
        for each in wires:
            each.lent()

    async def _until_idle(self, handle: WorkerHandle, membership: Membership) -> None:
        """Hear what becomes of the lanes: unless it is leaving, the others must not outlive the first that ends."""
        while (message := await handle.next()).say != "idle":
            close_all(message.descriptors)
            if (problem := _problem(message)) is not None:
                self._own.say(f"salver: {problem}")
                await asyncio.wait([handle.ended], timeout=_PARTING_S)
                raise _Lost(handle.ended.result() if handle.ended.done() else "could not go on")
            if not self._leaving.is_set():
                membership.drop()

    async def _settle(self, idle: "asyncio.Task[None]") -> None:
        """Wait until it has ended what it runs, which nobody wants any more. Raises WorkerEnded and _Lost."""
        limit = self._hello.manifest.run_timeout_s
        await asyncio.wait([idle], timeout=limit)
        if not idle.done():
            raise _Lost(f"ran a batch for more than {limit:g} s (run_timeout)")
        idle.result()

    async def _while_alive(self, handle: WorkerHandle, work: Coroutine[Any, Any, T]) -> T:
        """Do this as long as the worker lives. Raises WorkerEnded."""
        task = asyncio.create_task(work)
        try:
            either: list[asyncio.Future[Any]] = [task, handle.ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise WorkerEnded(handle.ended.result())
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _say(self, what: str) -> None:
        self._own.say(f"salver: {self._label} {what}")


def _reason(keeping: "asyncio.Task[str]") -> str:
    """Raises _Lost for a worker that its server does not want any more."""
    try:
        return keeping.result()
    except Dropped as error:
        raise _Lost(f"was dropped by its server: {error}") from None


def _problem(message: Message) -> Problem | None:
    fields = message.fields if message.say == "problem" else message.fields.get("problem")
    return Problem(**fields) if fields else None
