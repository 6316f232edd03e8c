"""A lane whose stages await: its batches run at once, as tasks of one event loop."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from salver.workers.columns import given
from salver.workers.leaving import Leaving
from salver.workers.loop import Lane, Taken, close
from salver.workers.stage import AsyncSequenceStage, AsyncStage, Column, SequenceStage, Stage

_POLL_S = 0.02


def run_async_lane(lane: Lane) -> None:
    """Run a lane to its end, in an event loop of its own."""
    asyncio.run(_AsyncLane(lane).run())


class _AsyncLane:
    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._tasks: dict[asyncio.Task[None], Taken] = {}
        self._left: set[asyncio.Task[None]] = set()
        self._came = asyncio.Event()
        self._again: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None]

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        loop.add_reader(self._lane.link.fileno(), self._look)
        if self._lane.leaving is not None:
            loop.add_reader(self._lane.leaving.fileno(), self._leave, self._lane.leaving)
        self._look()
        try:
            await self._ended
        finally:
            self._forget_to_look()
            loop.remove_reader(self._lane.link.fileno())
            for task in self._tasks:
                task.cancel()

    def _look(self) -> None:
        """Take what has come; tell those who wait for news, and end those whose callers have left."""
        self._forget_to_look()
        try:
            self._take()
            if self._end_those_left():
                # Asking may have brought what nothing else would tell of.
                self._take()
                self._look_in(_POLL_S)
        except OSError as error:
            self._end(error)
        self._came.set()
        self._came.clear()
        if self._lane.link.ended or (self._lane.is_leaving and not self._tasks):
            self._end(None)

    def _take(self) -> None:
        while (taken := self._lane.take(wait=False)) is not None:
            task = asyncio.get_running_loop().create_task(self._run(taken))
            self._tasks[task] = taken
            task.add_done_callback(self._done)

    def _end_those_left(self) -> bool:
        """End sequences whose callers have left; gives whether the link was asked, which also reads what came."""
        asked = False
        for task, taken in list(self._tasks.items()):
            sequence = isinstance(taken.stage, AsyncSequenceStage | SequenceStage)
            # One that is leaving takes nothing more, so that only this reads.
            if sequence or self._lane.is_leaving:
                asked = True
                if self._lane.link.has_left(taken.number, 0) and sequence:
                    self._cancel(task)
        return asked

    def _leave(self, leaving: Leaving) -> None:
        """It is readable from now on, which is no news any more."""
        asyncio.get_running_loop().remove_reader(leaving.fileno())
        self._look()

    def _cancel(self, task: asyncio.Task[None]) -> None:
        """Once only: what a generator does at its end may take its time."""
        if task not in self._left:
            self._left.add(task)
            task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._left.discard(task)
        if self._lane.is_leaving and not self._tasks:
            self._end(None)

    def _end(self, error: OSError | None) -> None:
        if self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)

    async def _run(self, taken: Taken) -> None:
        stage, batch, lane = taken.stage, taken.batch, self._lane
        with lane.guarded(taken):
            if isinstance(stage, AsyncStage):
                lane.answer(taken, await stage.run(batch))
            elif isinstance(stage, AsyncSequenceStage):
                await self._answer(taken, stage.open(batch)[0])
            elif isinstance(stage, Stage):
                lane.answer(taken, stage.run(batch))
            elif isinstance(stage, SequenceStage):
                await self._answer(taken, _stepped(stage.open(batch)[0]))

    async def _answer(self, taken: Taken, items: AsyncIterator[list[Column]]) -> None:
        """Send items as they come and as there is room; the caller's leaving cancels this task, and ends the answer."""
        try:
            async for item in items:
                while not self._room(taken):
                    await self._came.wait()
                self._lane.link.item(taken.number, [given(column) for column in item])
        except asyncio.CancelledError:
            if not self._lane.link.has_left(taken.number, 0):
                raise
            self._look_in(0.0)
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()
        self._lane.answer(taken, [])

    def _room(self, taken: Taken) -> bool:
        room = self._lane.link.credit(taken.number) > 0
        # Asking may have brought what nobody else would hear of. Those who wait ask whenever somebody looks, so while
        # there is no room, looking must not follow at once.
        self._look_in(0.0 if room else _POLL_S)
        return room

    def _look_in(self, delay: float) -> None:
        """Look again after so long, or sooner."""
        loop = asyncio.get_running_loop()
        if self._again is not None and self._again.when() <= loop.time() + delay:
            return
        self._forget_to_look()
        self._again = loop.call_later(delay, self._look)

    def _forget_to_look(self) -> None:
        """Also at the end: who is to look again holds the link, which would not be closed."""
        if self._again is not None:
            self._again.cancel()
            self._again = None


async def _stepped(items: Iterator[list[Column]]) -> AsyncIterator[list[Column]]:
    """An iterator among tasks: after each item the others have their turn."""
    try:
        for item in items:
            yield item
            await asyncio.sleep(0)
    finally:
        close(items)
