"""`grpc.server` on the native server: handlers run in the threads of a pool."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import grpc

from salver.grpc.blocking_calls import answer
from salver.grpc.call_context import metadata_of
from salver.grpc.context import LOGGER
from salver.grpc.front import Front
from salver.grpc.handlers import CallDetails, Handler, Handlers, method_of
from salver.grpc.recipes import Plan
from salver.grpc.statuses import UNIMPLEMENTED, UNKNOWN
from salver.grpc.threads import PoolFeeder

if TYPE_CHECKING:
    from salver import _native


def server(  # noqa: PLR0913, PLR0917
    thread_pool: Executor,
    handlers: Sequence[grpc.GenericRpcHandler] | None = None,
    interceptors: Sequence[Any] | None = None,
    options: Sequence[tuple[str, Any]] | None = None,
    maximum_concurrent_rpcs: int | None = None,
    compression: grpc.Compression | None = None,
    xds: bool = False,
    *,
    workers: int | None = None,
) -> grpc.Server:
    """As `grpc.server`: a server whose handlers run in threads of the pool. Raises ValueError for `xds`.

    `workers` is how many processes run servicers that are given as `salver.per_worker`; each has a pool as large.
    """
    if xds:
        raise ValueError("xDS is not served; leave xds out, and say what it would configure as options")
    known = Handlers(handlers or (), interceptors or ())
    threads = getattr(thread_pool, "_max_workers", None)
    plan = Plan(workers, threads, False, tuple(options or ()), maximum_concurrent_rpcs, compression)
    return Server(_Serving(thread_pool, known, Front(plan), compression))


class Server(grpc.Server):
    """What `server` makes. It stops when nothing refers to it any more."""

    def __init__(self, serving: "_Serving") -> None:
        self._serving = serving

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        self._serving.add(generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Handler]) -> None:
        self._serving.register(service_name, method_handlers)

    def add_insecure_port(self, address: str) -> int:
        return self._serving.front.add_port(address, None)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        return self._serving.front.add_port(address, server_credentials)

    def start(self) -> None:
        """If it is stopped meanwhile, it has stopped when this returns. Raises ValueError if it was started before."""
        self._serving.start()

    def stop(self, grace: float | None) -> threading.Event:
        return self._serving.stop(grace)

    def wait_for_termination(self, timeout: float | None = None) -> bool:
        """True if the time was up before the server stopped."""
        return not self.stopped.wait(timeout)

    @property
    def is_inherited(self) -> bool:
        """Whether it is the server of a process of which this one is a fork."""
        return self._serving.front.is_inherited

    @property
    def stopped(self) -> threading.Event:
        return self._serving.front.stopped

    def stop_soon(self, grace: float) -> None:
        """Begin to stop; any thread may ask, whatever it was doing when a signal interrupted it."""
        threading.Thread(target=self._serving.stop, args=(grace,), name="salver-stop", daemon=True).start()

    def __del__(self) -> None:
        self._serving.stop(None)


class _Serving:
    """What of a server its threads know."""

    def __init__(self, pool: Executor, handlers: Handlers, front: Front, compression: Any) -> None:
        self.handlers = handlers
        self.front = front
        self._pool = pool
        self._compression = compression
        self._noting = threading.Lock()
        self._was_started = False
        self._calls: _native.Calls | None = None

    def add(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Also once started."""
        self.handlers.add(handlers)
        if self._calls is not None:
            self.front.publish(self.handlers, self._calls)

    def register(self, service: str, handlers: Mapping[str, Handler]) -> None:
        if self._calls is not None:
            LOGGER.warning("Cannot register method handlers once server has started")
        else:
            self.handlers.register(service, handlers)

    def start(self) -> None:
        with self._noting:
            if self._was_started:
                raise ValueError("Cannot start already-started server!")
            self._was_started = True
        try:
            self._calls = self.front.start(self.handlers)
        except BaseException:
            # It may be tried again, unless it has given its addresses away.
            self._was_started = self.front.stopped.is_set()
            raise
        PoolFeeder(self._pool, self._calls, self._answer).start()

    def stop(self, grace: float | None) -> threading.Event:
        """The event is set once the server has stopped, which is `grace` seconds from now at the latest."""
        stopped = threading.Event()
        if self.front.is_inherited:
            stopped.set()
            return stopped
        self.front.retire()
        if grace is None or self._calls is None or self.front.stopped.is_set():
            self._end(stopped)
        else:
            threading.Thread(target=self._end_after, args=(grace, stopped), name="salver-stop").start()
        return stopped

    def _end_after(self, grace: float, stopped: threading.Event) -> None:
        self.front.wait_until_left(grace)
        self._end(stopped)

    def _end(self, stopped: threading.Event) -> None:
        self.front.stop()
        stopped.set()

    def _answer(self, call: "_native.ServiceCall") -> None:
        method = self.handlers.known(call.path)
        if method is None:
            self._look_for_handler(call)
        else:
            answer(method, call, self._compression)

    def _look_for_handler(self, call: "_native.ServiceCall") -> None:
        details = CallDetails(call.path, metadata_of(call))
        try:
            handler = self.handlers.intercepted(self.handlers.find)(details)
            method = None if handler is None else method_of(call.path, handler)
        except Exception as error:
            LOGGER.exception("Exception servicing handler: %s", error)
            call.finish(UNKNOWN, "Error in service handler!", ())
            return
        if method is None:
            call.finish(UNIMPLEMENTED, "Method not found!", ())
        else:
            answer(method, call, self._compression)
