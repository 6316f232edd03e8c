"""The workers of one version: all of them at work, and brought back whenever they end."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from salver import _native
from salver.authoring.manifest import Manifest
from salver.problems import Unusable
from salver.workers.post import Attach, Introduced, Post

T = TypeVar("T")


class WorkerSet:
    """All methods belong to the supervisor's loop. `open` is first, then perhaps `serve`, and `close` is last.

    `make_post` is called with the index of a worker.
    """

    def __init__(self, make_post: Callable[[int], Post]) -> None:
        self._make_post = make_post
        self._posts: list[Post] = []
        self._first: Introduced | None = None
        self._keeping: list[asyncio.Task[None]] = []
        self._loading: asyncio.Task[Any] | None = None
        self._given_up = False

    async def load(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do this, `open` or `serve`, unless they are given up; then it raises Unusable, and its workers have ended."""
        given_up = Unusable("workers", "were given up while they were loading", "ask for the version again")
        if self._given_up:
            raise given_up
        self._loading = asyncio.current_task()
        try:
            return await work()
        except asyncio.CancelledError:
            if self._given_up:
                raise given_up from None
            raise
        finally:
            self._loading = None

    async def give_up(self) -> None:
        """Have them loaded no more; those that are at work already are not touched."""
        self._given_up = True
        if self._loading is not None:
            self._loading.cancel()

    async def open(self) -> Manifest:
        """Start the first worker and hear what it serves. Raises Unusable."""
        self._posts.append(self._make_post(0))
        self._first = await self._posts[0].introduce()
        return self._first.parsed()

    async def examples(self) -> dict[str, Any]:
        """A row for each method that can be tried, by its name: {"own": bool, "columns": [...]}. Raises Unusable."""
        return await self._posts[0].examples()

    async def serve(self, version: _native.Version, workers: int, run_timeout_s: float) -> None:
        """Put so many workers to work, and keep that number until `retire`. Raises Unusable if one cannot begin.

        A servable without lanes needs no worker.
        """
        assert self._first is not None, "`open` is first"
        manifest = self._first.parsed()
        if manifest.lanes:
            await self.staff(workers, partial(_attach, version, manifest, run_timeout_s))
        else:
            await self._posts[0].end(orderly=True)

    async def staff(self, workers: int, attach: Attach) -> None:
        """Put so many workers to work, whose lanes are attached so, and keep that number until `retire`.

        Raises Unusable if one cannot begin.
        """
        introduced, self._first = self._first, None
        assert introduced is not None, "`open` is first"
        self._posts += [self._make_post(index) for index in range(1, workers)]
        text = introduced.manifest
        joining = [self._posts[0].join(introduced, attach)]
        joining += [post.begin(text, attach) for post in self._posts[1:]]
        for failure in await asyncio.gather(*joining, return_exceptions=True):
            if failure is not None:
                raise failure
        self._keeping = [asyncio.create_task(post.keep(text, attach)) for post in self._posts]
        for task in self._keeping:
            task.add_done_callback(_say_defect)

    async def retire(self) -> None:
        """From now on, bring nobody back: the version is about to end."""
        keeping, self._keeping = self._keeping, []
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)

    async def close(self) -> None:
        """End all workers: in order those that listen, the others soon after."""
        await self.retire()
        if self._first is not None:
            self._first.close()
        await asyncio.gather(*(post.end(orderly=True) for post in self._posts))


def _say_defect(keeping: asyncio.Task[None]) -> None:
    """No error should ever end it; whatever does must not go unheard."""
    if not keeping.cancelled() and keeping.exception() is not None:
        keeping.print_stack()


def _attach(
    version: _native.Version, manifest: Manifest, run_timeout_s: float, introduced: Introduced, process: int | None
) -> list[_native.LinkLane]:
    links = []
    for index in sorted(introduced.lanes):
        lane, end = manifest.lanes[index], introduced.lanes.pop(index)
        files = (end.socket, end.inbound, end.outbound)
        own_process = None if process is None else os.dup(process)
        links.append(version.add_link_lane(lane.stages, lane.slots, files, own_process, run_timeout_s, lane.concurrent))
    return links
