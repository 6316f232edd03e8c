"""A gate in this process, with a server beside it to call what workers bring, and workers in this process."""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from support.lanes import Caller
from workers.programs import Double, servable

from salver import _native
from salver.authoring.manifest import Lane, Manifest
from salver.cluster.gate import Gate
from salver.cluster.hello import Hello
from salver.cluster.keys import Keys
from salver.cluster.membership import Membership, Way, join
from salver.cluster.pulse import Beat
from salver.cluster.reception import Limits
from salver.config.addresses import Address, Security
from salver.config.settings import Config, native_settings
from salver.workers.loop import run_lane

PLAIN = Keys()
MANIFEST = Manifest(servable("double"), (Lane((0,)),))


def hello(worker: str = "w", manifest: Manifest = MANIFEST) -> Hello:
    return Hello(manifest, worker, "a test")


class Board:
    """What is shown to callers; `own` is what the server itself serves."""

    def __init__(self, own: Sequence[tuple[str, int]] = ()) -> None:
        self.own = own
        self.served: Sequence[_native.Version] = ()
        self.left: Sequence[_native.Version] = ()
        self.front = _native.Server(native_settings(Config()))
        self.caller = Caller(self.front.listen("127.0.0.1:0", None), "double")

    def is_own(self, servable: str, version: int) -> bool:
        return (servable, version) in self.own

    def show(self, served: Sequence[_native.Version], left: Sequence[_native.Version]) -> None:
        self.served, self.left = served, left
        self.front.publish([*served, *left], [])


class Opened:
    """A gate that is open on this host."""

    def __init__(self, keys: Keys, limits: Limits, beat: Beat) -> None:
        self.board = Board()
        self.gate = Gate(self.board, keys, limits, beat)
        self.port = self.gate.listen("127.0.0.1", 0)

    def way(self, keys: Keys = PLAIN, host: str = "127.0.0.1", step_s: float = 5.0) -> Way:
        security = Security.PLAIN if keys.certificates is None else Security.MUTUAL_TLS
        return Way(Address(f"{host}:{self.port}", security), keys, step_s)

    def close(self) -> None:
        self.board.front.stop()
        self.gate.close()


@contextmanager
def opened(keys: Keys = PLAIN, limits: Limits | None = None, beat: Beat | None = None) -> Iterator[Opened]:
    made = Opened(keys, limits or Limits(), beat or Beat())
    try:
        yield made
    finally:
        made.close()


class Member:
    """A worker in this process, which doubles, and has joined."""

    def __init__(self, way: Way, said: Hello) -> None:
        self.how = ""
        self._loop = asyncio.new_event_loop()
        self._lanes: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        try:
            self._membership = self._run(join(way, said))
        except BaseException:
            self._stop()
            raise
        self._keeping = asyncio.run_coroutine_threadsafe(self._keep(), self._loop)
        for lane, wire in zip(said.manifest.lanes, self._membership.wires, strict=True):
            link = os.dup(wire.fileno())
            wire.lent()
            stages = {stage: Double() for stage in lane.stages}
            self._lanes.append(threading.Thread(target=_lane, args=(stages, link)))
            self._lanes[-1].start()

    def ended(self) -> str:
        """How its time of being joined came to an end."""
        return self._keeping.result(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._membership.drop)
        self._keeping.result(30)
        for thread in self._lanes:
            thread.join(30)
            assert not thread.is_alive()
        self._stop()

    async def _keep(self) -> str:
        return await self._membership.keep()

    def _run(self, joining: "asyncio.Future[Membership] | object") -> Membership:
        return asyncio.run_coroutine_threadsafe(joining, self._loop).result(30)  # type: ignore[arg-type]

    def _stop(self) -> None:
        async def finish() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(finish(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


def _lane(stages: dict[int, Double], descriptor: int) -> None:
    try:
        run_lane(stages, _native.Link(descriptor))
    except OSError:
        # Its connection was cut.
        return


@contextmanager
def member(way: Way, said: Hello | None = None) -> Iterator[Member]:
    made = Member(way, said or hello())
    try:
        yield made
    finally:
        made.close()
