"""Who starts workers and brings them back: one thread with an event loop, for all versions of a server."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypedDict, TypeVar

from salver import _native
from salver.authoring.manifest import Manifest
from salver.problems import Unusable
from salver.workers.orders import Orders, Patience
from salver.workers.post import Post
from salver.workers.relay import Relay
from salver.workers.worker_set import WorkerSet

_FLUSH_S = 2.0


class Held(Protocol):
    """Workers, of whatever kind, of a supervisor's."""

    async def close(self) -> None:
        """End them."""


T = TypeVar("T")
W = TypeVar("W", bound=Held)


class Equipment(TypedDict):
    """What a supervisor has for every post."""

    relay: Relay
    patience: Patience


class Team:
    """The workers of one version, for threads other than the supervisor's. See WorkerSet."""

    def __init__(self, supervisor: "Supervisor", workers: WorkerSet) -> None:
        self._supervisor = supervisor
        self._workers = workers

    def open(self) -> Manifest:
        return self._supervisor.run(self._workers.load(self._workers.open))

    def examples(self) -> dict[str, Any]:
        return self._supervisor.run(self._workers.examples())

    def serve(self, version: _native.Version, workers: int, run_timeout_s: float) -> None:
        self._supervisor.run(self._workers.load(partial(self._workers.serve, version, workers, run_timeout_s)))

    def give_up(self) -> None:
        """Have `open` or `serve`, now or whenever it is called, end its workers and raise Unusable; without waiting."""
        with suppress(Unusable):
            self._supervisor.begin(self._workers.give_up())

    def retire(self) -> None:
        self._finish(self._workers.retire())

    def close(self) -> None:
        self._finish(self._supervisor.dismiss(self._workers))

    def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        # A supervisor that has stopped has done it.
        with suppress(Unusable):
            self._supervisor.run(work)


def stopping() -> Unusable:
    """What becomes of work for workers once the server stops."""
    return Unusable("workers", "are not started while the server stops", "start the server again")


class Supervisor:
    """To be stopped. Its thread outlives all workers, as the kernel ends each with the thread that started it."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._relay = Relay()
        self._sets: list[Held] = []
        self._asking = threading.Lock()
        self._stopped = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="supervisor", daemon=True)
        self._thread.start()

    def team(self, orders: Orders) -> Team:
        """The workers of a version that is about to be loaded."""
        return Team(self, self.hold(lambda own: WorkerSet(partial(Post, orders=orders, **own))))

    def hold(self, make: Callable[[Equipment], W]) -> W:
        """Workers, of whatever kind, that end with the supervisor at the latest."""
        workers = make({"relay": self._relay, "patience": self._patience})
        self._sets.append(workers)
        return workers

    async def dismiss(self, workers: Held) -> None:
        """End the workers of a version, and forget them. Belongs to the loop."""
        await workers.close()
        self._sets.remove(workers)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have the loop do this, and wait for it. Raises Unusable if the supervisor is stopped before or meanwhile."""
        asked = self.begin(work)
        try:
            return asked.result()
        except CancelledError:
            raise stopping() from None

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Have the loop do this. Raises Unusable if the supervisor is stopped."""
        with self._asking:
            if self._stopped:
                work.close()
                raise stopping()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """End all workers, pass on the last of what they printed, and end the thread. Idempotent."""
        with self._asking:
            if self._stopped:
                return
            self._stopped = True
            finished = asyncio.run_coroutine_threadsafe(self._finish(), self._loop)
        finished.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._relay.stop(_FLUSH_S)

    async def _finish(self) -> None:
        begun = asyncio.all_tasks() - {asyncio.current_task()}
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await asyncio.gather(*(workers.close() for workers in self._sets))
