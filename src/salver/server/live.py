"""A server that runs: the native part, the versions that it serves, and who runs them."""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from salver import _native
from salver.config.addresses import Address
from salver.config.settings import Config, Speaks, native_settings
from salver.problems import Problem
from salver.repository.scan import Refused, VersionFolder
from salver.server.hosts import Attempt, Workers
from salver.server.load import Outcome, Running, Watch, load_all, load_one, loading, unavailable
from salver.server.memory import give_back_memory
from salver.server.routes import Absent, Joined, Routes, publish

if TYPE_CHECKING:
    from salver.cluster.gate import Gate

_POLL_S = 0.01
_STOPPED = Problem("the server", "was stopped before this was loaded", "start it again")


class LiveServer:
    """To be stopped. Versions may be added and addresses bound in any order, by one thread at a time; any may `load`.

    Until a version is loaded, and if it cannot be, its callers get UNAVAILABLE with the reason.
    """

    def __init__(self, config: Config) -> None:
        self._fronts = [_native.Server(native_settings(config))]
        self._routes = Routes()
        self._joined = Joined()
        self._routing = threading.Lock()
        self._gate: Gate | None = None
        self._workers = Workers()
        self._keeping = threading.Lock()
        self._running: list[Running] = []
        self._stopped = False
        self.refused: list[Refused] = []
        """What should be served but is not."""

    def expect(self, folders: Iterable[VersionFolder]) -> None:
        """Let callers of these versions know that they are about to be loaded."""
        self._publish(loading(folders))

    def attempt(self) -> Attempt:
        """What one `load` needs, and by which it can be given up."""
        return Attempt(self._workers)

    def load(self, folder: VersionFolder, attempt: Attempt) -> Outcome:
        """Load and start a version, which `route` makes known. It is refused if the server is stopped meanwhile."""
        kept = self._kept([load_one(folder, attempt, Watch())])
        return kept[0] if kept else Refused(folder.servable, folder.version, _STOPPED)

    def _kept(self, outcomes: list[Outcome]) -> list[Outcome]:
        """The same; once the server is stopped, what was loaded meanwhile is ended and left out."""
        with self._keeping:
            if not self._stopped:
                self._running += [each for each in outcomes if isinstance(each, Running)]
                return outcomes
        for each in outcomes:
            if isinstance(each, Running):
                _end(each)
        return [each for each in outcomes if isinstance(each, Refused)]

    def route(self, routes: Routes) -> None:
        """Replace, atomically, what callers can reach; versions that are left out go on with what they have."""
        with self._routing:
            self._routes = routes
            self._show()

    @property
    def routes(self) -> Routes:
        """What callers can reach of the server's own."""
        return self._routes

    def let_go(self, running: Running) -> None:
        """End a version that is routed to no more, and release what it holds. What it still has is cut short."""
        with self._keeping:
            self._running = [each for each in self._running if each is not running]
        _end(running)
        give_back_memory()

    def add(
        self, folders: Sequence[VersionFolder], refused: Iterable[Refused] = (), watch: Watch | None = None
    ) -> list[Outcome]:
        """Load versions, and serve those that could be: outcomes in the folders' order.

        `refused` are others that should be served, but are known to be of no use.
        """
        self.refused += refused
        self.expect(folders)
        outcomes = self._kept(load_all(folders, self._workers, watch or Watch()))
        self.refused += [each for each in outcomes if isinstance(each, Refused)]
        self._publish([])
        return outcomes

    def listen(
        self,
        target: str,
        tls: tuple[str, str, str | None] | None,
        config: Config | None = None,
        speaks: Speaks = "everything",
    ) -> str:
        """Serve at `host:port` or `unix:path`; see `_native.Server.listen`.

        With a config of its own the address gets limits and network threads of its own, and may be narrowed.
        """
        if config is None:
            return self._fronts[0].listen(target, tls)
        front = _native.Server(native_settings(config, speaks))
        with self._routing:
            self._fronts.append(front)
            publish(front, self._joined.beside(self._routes))
        return front.listen(target, tls)

    def serve_admin(self, connection: int) -> None:
        """Serve a connection whose caller may change what is served; see `_native.Server.serve_admin`."""
        self._fronts[0].serve_admin(connection)

    def next_reload(self) -> _native.Reload | None:
        """The next request to change what is served; see `_native.Server.next_reload`."""
        return self._fronts[0].next_reload()

    def accept_workers(self, config: Config) -> Address:
        """Let workers of other processes join at the address in `config`; gives the real one.

        Raises OSError if it cannot be bound, and Unusable for TLS files that are of no use.
        """
        from salver.cluster.gate import open_gate

        self._gate, bound = open_gate(self, config)
        return bound

    def is_own(self, servable: str, version: int) -> bool:
        """Whether the server itself serves this, or should."""
        return self._routes.know(servable, version)

    def is_joined(self, servable: str, version: int) -> bool:
        """Whether workers that have joined serve it, or did."""
        return self._joined.know(servable, version)

    def show(self, served: Sequence[_native.Version], left: Sequence[_native.Version]) -> None:
        """Publish what workers that have joined serve; see `salver.cluster.roster.Board`."""
        with self._routing:
            self._joined = Joined(served, left)
            self._show()

    def calls_in_flight(self) -> int:
        """How many calls have come and are not answered."""
        return sum(front.calls_in_flight() for front in self._fronts)

    def drain(self, timeout_s: float) -> int:
        """Refuse new calls, and wait until those that came are answered; gives how many were not in this time."""
        for front in self._fronts:
            front.drain()
        deadline = time.monotonic() + timeout_s
        while (left := self.calls_in_flight()) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        with self._keeping:
            running = list(self._running)
        for each in running:
            each.loaded.retire()
            each.version.close()
        if self._gate is not None:
            self._gate.shut()
        return left

    def stop(self) -> None:
        """End listeners, versions and workers, in this order; calls that are in flight fail. Idempotent."""
        with self._keeping:
            self._stopped = True
            running, self._running = self._running, []
        for each in running:
            each.loaded.retire()
        for front in self._fronts:
            front.stop()
        for each in running:
            each.version.end()
        if self._gate is not None:
            self._gate.close()
        self._workers.give_up()
        for each in running:
            each.loaded.close()

    def _show(self) -> None:
        for front in self._fronts:
            publish(front, self._joined.beside(self._routes))

    def _publish(self, not_yet: list[Absent]) -> None:
        self.route(Routes([each.version for each in self._running], unavailable(self.refused) + not_yet))


def _end(running: Running) -> None:
    running.loaded.retire()
    running.version.end()
    running.loaded.close()
