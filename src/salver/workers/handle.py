"""A worker as its server sees it: what it says, that it has ended and how, and ways to end it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from salver.workers.control import BrokenControl, Control, Message
from salver.workers.lane_ends import close_all

_PARTING_S = 1.0


class WorkerEnded(Exception):
    """The worker has ended, or closed its control connection; the text says how, to follow its name."""


class WorkerHandle(ABC):
    """A worker that was started. All methods belong to the thread of the event loop in which it was made."""

    pidfd: int | None = None
    """Its process, for those who must end it; None if it has none of its own."""

    def __init__(self, control: Control) -> None:
        control.set_blocking(False)
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        """How it ended."""
        self._loop.add_reader(control, self._receive)

    async def next(self) -> Message:
        """What it says next, whose descriptors are the caller's to close. Raises WorkerEnded."""
        message = await self._messages.get()
        if message is None:
            self._messages.put_nowait(None)
            raise WorkerEnded(await self._how())
        return message

    def say(self, say: str, descriptors: Sequence[int] = (), **fields: Any) -> None:
        """Tell it something; if nobody listens, `next` will say so."""
        try:
            self._control.send(say, descriptors, **fields)
        except OSError:
            # It has ended, which is told where it is waited for, or does not listen, which a time limit ends.
            return

    async def end(self, orderly: bool) -> None:
        """End it, asking first if that is to be orderly, and release all that was held for it."""
        if not self.ended.done():
            await self._end(orderly)
        while not self._messages.empty():
            message = self._messages.get_nowait()
            close_all(message.descriptors if message else ())
        self._messages.put_nowait(None)

    @abstractmethod
    async def _end(self, orderly: bool) -> None:
        """End it; `ended` is done then."""

    async def _how(self) -> str:
        """How it ended; one that only closed the connection is ended."""
        await asyncio.wait([self.ended], timeout=_PARTING_S)
        if self.ended.done():
            return self.ended.result()
        await self.end(orderly=False)
        return f"closed its connection to the server, so it {self.ended.result()}"

    def _receive(self) -> None:
        """Take the next message, if there is a whole one."""
        try:
            message = self._control.receive()
        except BlockingIOError:
            return
        except BrokenControl:
            message = None
        self._messages.put_nowait(message)
        if message is None:
            self._loop.remove_reader(self._control)

    def _part(self, how: str) -> None:
        """It has ended: take what it said before, and close the connection."""
        self._loop.remove_reader(self._control)
        with suppress(BlockingIOError, BrokenControl):
            while (message := self._control.receive()) is not None:
                self._messages.put_nowait(message)
        self._messages.put_nowait(None)
        self._control.close()
        self.ended.set_result(how)
