"""The worker's side as a whole: all versions that a process serves for a server elsewhere."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from salver.authoring.manifest import Manifest
from salver.cluster.keys import worker_keys
from salver.cluster.membership import Way
from salver.cluster.outpost import Outpost
from salver.config.settings import WorkerConfig
from salver.problems import Unusable
from salver.repository.scan import VersionFolder
from salver.runtimes import python
from salver.workers.orders import Orders, Patience
from salver.workers.supervisor import Equipment, Supervisor
from salver.workers.worker_set import WorkerSet


class Outposts(WorkerSet):
    """The workers of one version; see WorkerSet."""

    def __init__(self, make_post: Callable[[int], Outpost]) -> None:
        self._outposts: list[Outpost] = []
        super().__init__(partial(self._noted, make_post))

    async def begin(self, workers: int) -> None:
        """Put so many to work, and keep that number. Raises Unusable if one cannot begin."""
        # They have no lanes but those that a server gives them.
        await self.staff(workers, lambda introduced, process: [])

    async def tried(self) -> None:
        """Wait until each of them has tried to join."""
        for outpost in self._outposts:
            await outpost.has_tried.wait()

    async def leave(self, limit_s: float) -> None:
        """Finish what is being run, for so long at most, then end all of them."""
        for outpost in self._outposts:
            outpost.leave()
        kept = zip(self._outposts, self._keeping, strict=False)
        busy = [keeping for outpost, keeping in kept if outpost.has_joined]
        if busy:
            await asyncio.wait(busy, timeout=limit_s)
        await self.close()

    def _noted(self, make_post: Callable[[int], Outpost], index: int) -> Outpost:
        outpost = make_post(index)
        self._outposts.append(outpost)
        return outpost


def crew_of(config: WorkerConfig) -> "Crew":
    """Raises Unusable for TLS files that are of no use."""
    assert config.join is not None
    return Crew(Way(config.join, worker_keys(config)))


class Crew:
    """To be stopped. Workers that it has started come back whenever they end, and join whenever a server is there."""

    def __init__(self, way: Way, patience: Patience | None = None) -> None:
        self._way = way
        self._supervisor = Supervisor(patience)
        self._sets: list[Outposts] = []

    def start(self, folder: VersionFolder, workers: int | None = None) -> Manifest:
        """Load a version and have it served from now on, by so many workers, or as many as its settings or code say.

        Returns when they are ready, whether a server is there or not. Raises Unusable if they cannot begin.
        """
        orders = python.orders(folder, apart=True)
        outposts = self._supervisor.hold(partial(self._outposts, orders))
        manifest = self._supervisor.run(outposts.open())
        self._sets.append(outposts)
        self._supervisor.run(outposts.begin(workers or python.wanted_workers(folder, manifest)))
        return manifest

    def meet(self, limit_s: float) -> None:
        """Wait until all workers that were started have joined, if their server is there; for so long at most."""
        self._supervisor.run(self._met(limit_s))

    def stop(self, limit_s: float) -> None:
        """Have what is being run finished, for so long at most, then end all workers. Idempotent."""
        # A supervisor that has stopped has done it.
        with suppress(Unusable):
            self._supervisor.run(self._leave(limit_s))
        self._supervisor.stop()

    async def _met(self, limit_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                for outposts in self._sets:
                    await outposts.tried()

    async def _leave(self, limit_s: float) -> None:
        await asyncio.gather(*(outposts.leave(limit_s) for outposts in self._sets))

    def _outposts(self, orders: Orders, own: Equipment) -> Outposts:
        return Outposts(partial(Outpost, orders=orders, way=self._way, **own))
