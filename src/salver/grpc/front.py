"""The native server under a gRPC server of either kind: its addresses, its services, its end."""

import os
import threading
import time
from typing import TYPE_CHECKING

import grpc

from salver import _native
from salver.grpc.channel_options import is_behind_front, settings, shares_ports
from salver.grpc.credentials import PemFiles, pem_of
from salver.grpc.descriptors import descriptor_set
from salver.grpc.handlers import Handlers
from salver.grpc.ports import Port, open_port
from salver.grpc.recipes import Plan, recipe_of

if TYPE_CHECKING:
    from salver.grpc.crews import Crew

_POLL_S = 0.005
# Callers who were told to go elsewhere need a moment to hear it, and until then may ask for something.
_FAREWELL_S = 1.0


class Front:
    """To be started, and stopped once, which another thread may do while it starts.

    Nothing native is made before `start`, so that a process may be forked until then.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._ports: list[Port] = []
        self._files: list[PemFiles] = []
        self._server: _native.Server | None = None
        self._calls: _native.Calls | None = None
        self._crew: Crew | None = None
        self._workers: dict[str, _native.Workers] = {}
        self._process = 0
        # Not while workers start or end. A signal may come between any two lines, and its handler may stop the server.
        self._changing = threading.RLock()
        self._is_stopping = False
        self._farewell = 0.0
        self.stopped = threading.Event()

    @property
    def is_inherited(self) -> bool:
        """Whether it was started by a process of which this one is a fork, which has none of its threads."""
        return self._process not in (0, os.getpid())

    def add_port(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Listen; gives the port. Raises RuntimeError if that is impossible, ValueError for useless credentials."""
        security = None if credentials is None else pem_of(credentials)
        port = open_port(address, security, shares_ports(self._plan.options))
        self._ports.append(port)
        if self._server is not None:
            self._serve(self._server, port)
        return port.number

    def start(self, handlers: Handlers) -> _native.Calls:
        """Serve, once workers do, if there are any; the calls are to be taken. They are closed if it is being stopped.

        Raises ValueError for PEM, or for servicers in workers, that are of no use, RuntimeError if a worker fails. It
        may be started again if it failed because of its workers.
        """
        self._process = os.getpid()
        self._start_workers(handlers)
        calls = _native.Calls(self._plan.most_calls, is_behind_front(self._plan.options))
        with self._changing:
            self._calls = calls
            if not self._is_stopping:
                self._serve_all(handlers, calls)
        if self._is_stopping:
            # Whoever stops it may have come before there was anything to stop.
            self.stop()
        return calls

    def publish(self, handlers: Handlers, calls: _native.Calls) -> None:
        """Let these handlers be found, once started."""
        services = [(name, methods, descriptor_set(name, handlers.of(name))) for name, methods in handlers.declared()]
        if self._server is not None:
            self._server.serve_services(services, calls, not handlers.everything_is_known, self._workers)

    def retire(self) -> None:
        """Have callers go elsewhere. Those who have not heard of it are answered, as are calls in flight."""
        if self._server is not None:
            self._server.retire()
        self._farewell = time.monotonic() + _FAREWELL_S

    def is_left(self) -> bool:
        """Whether no call is in flight, and whoever was told to go elsewhere has gone, or has had time to."""
        if self._server is None:
            return True
        gone = self._server.connections() == 0 or time.monotonic() >= self._farewell
        return gone and self._server.calls_in_flight() == 0

    def wait_until_left(self, timeout_s: float) -> None:
        """Wait until the server is left, or stopped, or the time is up."""
        deadline = time.monotonic() + timeout_s
        while not self.is_left() and time.monotonic() < deadline:
            if self.stopped.wait(_POLL_S):
                return

    def stop(self) -> None:
        """End listeners, connections and calls. Idempotent."""
        self._is_stopping = True
        with self._changing:
            if self._calls is not None:
                self._calls.close()
            if self._server is not None:
                self._server.stop()
        if self._crew is not None:
            self._crew.stop()
        with self._changing:
            for port in self._ports:
                port.close()
            for files in self._files:
                files.close()
        self.stopped.set()

    def _start_workers(self, handlers: Handlers) -> None:
        recipe = recipe_of(handlers, self._plan)
        if recipe is None:
            return
        from salver.grpc.crews import Crew

        crew = self._crew = Crew(recipe)
        try:
            if not self._is_stopping:
                crew.start()
        except RuntimeError:
            # A crew that is stopped meanwhile has nothing to tell.
            if not self._is_stopping:
                raise
        self._workers = dict.fromkeys(crew.services, crew.workers)

    def _serve_all(self, handlers: Handlers, calls: _native.Calls) -> None:
        try:
            server = self._server = _native.Server(settings(self._plan.options))
            self.publish(handlers, calls)
            for port in self._ports:
                self._serve(server, port)
        except BaseException:
            # Its addresses are given away, and so it is of no use any more.
            self.stop()
            raise

    def _serve(self, server: _native.Server, port: Port) -> None:
        tls = None
        if port.security is not None:
            self._files.append(PemFiles(port.security))
            tls = self._files[-1].names
        for socket in port.give_away():
            server.adopt(socket, tls)
