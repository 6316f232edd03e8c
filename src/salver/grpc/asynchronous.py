"""`grpc.aio.server` on the native server: handlers run as tasks of an event loop."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import grpc
from grpc import aio

from salver.grpc.async_calls import answered, guarded
from salver.grpc.async_context import AsyncContext
from salver.grpc.call_context import metadata_of
from salver.grpc.front import Front
from salver.grpc.handlers import CallDetails, Handler, Handlers, method_of
from salver.grpc.recipes import Plan
from salver.grpc.statuses import UNIMPLEMENTED

if TYPE_CHECKING:
    from salver import _native

_POLL_S = 0.005
_PARTING_S = 1.0


def server(  # noqa: PLR0913
    migration_thread_pool: Executor | None = None,
    handlers: Sequence[grpc.GenericRpcHandler] | None = None,
    interceptors: Sequence[Any] | None = None,
    options: Sequence[tuple[str, Any]] | None = None,
    maximum_concurrent_rpcs: int | None = None,
    compression: grpc.Compression | None = None,
    *,
    workers: int | None = None,
) -> aio.Server:
    """As `grpc.aio.server`: a server whose handlers are coroutines; others run in threads of the pool.

    `workers` is how many processes run servicers that are given as `salver.per_worker`.
    """
    wrong = [each for each in interceptors or () if not isinstance(each, aio.ServerInterceptor)]
    if wrong:
        raise ValueError(f"Interceptor must be ServerInterceptor, the following are invalid: {wrong}")
    known = Handlers(handlers or (), interceptors or ())
    threads = getattr(migration_thread_pool, "_max_workers", None)
    plan = Plan(workers, threads, True, tuple(options or ()), maximum_concurrent_rpcs, compression)
    return Server(_Serving(migration_thread_pool, known, Front(plan), compression))


class Server(aio.Server):
    """What `server` makes. It stops when nothing refers to it any more."""

    def __init__(self, serving: "_Serving") -> None:
        self._serving = serving

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        self._serving.handlers.add(generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Handler]) -> None:
        self._serving.handlers.register(service_name, method_handlers)

    def add_insecure_port(self, address: str) -> int:
        return self._serving.front.add_port(address, None)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        return self._serving.front.add_port(address, server_credentials)

    async def start(self) -> None:
        await self._serving.start()

    async def stop(self, grace: float | None) -> None:
        await self._serving.stop(grace)

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        """True if the time was up before the server stopped."""
        return await self._serving.wait(timeout)

    @property
    def is_inherited(self) -> bool:
        """Whether it is the server of a process of which this one is a fork."""
        return self._serving.front.is_inherited

    @property
    def stopped(self) -> threading.Event:
        return self._serving.front.stopped

    def stop_soon(self, grace: float) -> None:
        """Begin to stop; any thread may ask."""
        self._serving.stop_soon(grace)

    def __del__(self) -> None:
        self._serving.abandon()


class _Serving:
    """What of a server its event loop knows. All methods but `stop_soon` and `abandon` belong to the loop."""

    def __init__(self, pool: Executor | None, handlers: Handlers, front: Front, compression: Any) -> None:
        self.handlers = handlers
        self.front = front
        self._pool = pool
        self._compression = compression
        self._running: dict[_native.ServiceCall, AsyncContext] = {}
        self._calls: _native.Calls | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._find: Callable[[Any], Any] = handlers.find
        self._create_task: Callable[[Any], asyncio.Task[None]] = asyncio.create_task
        self._ended = asyncio.Event()

    async def start(self) -> None:
        if self.front.stopped.is_set():
            raise aio.UsageError("Server not in ready state")
        if self._loop is not None:
            return
        self._find = self.handlers.intercepted(self._found)
        self._loop = asyncio.get_running_loop()
        self._create_task = self._loop.create_task
        self._calls = await self._started_front()
        if self.front.stopped.is_set():
            return
        self._loop.add_reader(self._calls.fileno(), self._look, self._calls)

    async def _started_front(self) -> "_native.Calls":
        """Beside the loop, for workers may take their time."""
        try:
            return await asyncio.to_thread(self.front.start, self.handlers)
        except asyncio.CancelledError:
            await self._stop_front()
            raise
        except BaseException:
            self._loop = None
            raise

    async def _stop_front(self) -> None:
        await asyncio.to_thread(self.front.stop)
        self._ended.set()

    async def stop(self, grace: float | None) -> None:
        """Calls that are not answered after `grace` seconds are cancelled."""
        if self._calls is None:
            await self._stop_front()
            return
        self.front.retire()
        await self._wait_until_left(grace or 0.0)
        if not self._ended.is_set():
            await self._end(self._calls)

    def stop_soon(self, grace: float) -> None:
        """The same, begun from whatever thread."""
        if self._loop is None:
            self.front.stop()
        elif not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self.stop(grace), self._loop)

    async def wait(self, timeout: float | None) -> bool:
        try:
            await asyncio.wait_for(self._ended.wait(), timeout)
        except TimeoutError:
            return True
        return False

    def abandon(self) -> None:
        """Nothing refers to the server any more."""
        if self.front.is_inherited or self.front.stopped.is_set():
            return
        self.front.stop()

    async def _wait_until_left(self, timeout_s: float) -> None:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not self.front.is_left() and asyncio.get_running_loop().time() < deadline:
            if self._ended.is_set():
                return
            await asyncio.sleep(_POLL_S)

    async def _end(self, calls: "_native.Calls") -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.front.stop)
        loop.remove_reader(calls.fileno())
        # A task that is cancelled before its first step would not even end its call.
        await asyncio.sleep(0)
        tasks = [each.task for each in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PARTING_S)
        self._ended.set()

    def _look(self, calls: "_native.Calls") -> None:
        """See what has happened to calls since the last time."""
        for call, what in calls.events():
            if what == "begun":
                self._begin(call)
            elif (context := self._running.get(call)) is not None:
                context.news(what)

    def _begin(self, call: "_native.ServiceCall") -> None:
        context = self._running[call] = AsyncContext(call, self._compression)
        method = self.handlers.known(call.path)
        answering = self._looked_for(context) if method is None else answered(method, context, self._pool)
        context.task = self._create_task(self._answer(call, context, answering))

    async def _answer(self, call: "_native.ServiceCall", context: AsyncContext, answering: Any) -> None:
        try:
            await guarded(context, answering)
        finally:
            del self._running[call]

    async def _looked_for(self, context: AsyncContext) -> None:
        handler = await self._find(CallDetails(context.path, metadata_of(context.call)))
        if handler is None:
            context.finish(UNIMPLEMENTED, "Method not found!")
        else:
            await answered(method_of(context.path, handler), context, self._pool)

    async def _found(self, details: Any) -> Handler | None:
        return self.handlers.find(details)
