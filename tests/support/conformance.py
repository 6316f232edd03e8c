"""One service, written for threads and for an event loop, and both gRPC's own servers and salver's to put it on."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
from grpc import aio
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer, add_ConformanceServicer_to_server

import salver
from salver.grpc import aio as own_aio
from salver.grpc import blocking as own


@dataclass
class Heard:
    """What servicers have noticed, told to tests."""

    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go_on: threading.Event = field(default_factory=threading.Event)
    sent: int = 0


@dataclass(frozen=True)
class Status(grpc.Status):
    code: grpc.StatusCode
    details: str
    trailing_metadata: Sequence[tuple[str, str | bytes]]


def obey(request: Request, context: Any) -> Any:
    """Wishes that need no waiting; gives the response."""
    if request.wish == "set":
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details(request.text)
    if request.wish == "fail":
        raise ValueError(request.text)
    if request.wish == "fail with a code":
        context.set_code(grpc.StatusCode.DATA_LOSS)
        raise ValueError(request.text)
    if request.wish == "compress":
        context.set_compression(grpc.Compression.Gzip)
    if request.wish == "trail":
        context.set_trailing_metadata(_echoed(context))
    if request.wish == "tell":
        return Response(text=told(context))
    if request.wish == "wrong type":
        return "no response"
    return Response(text=request.text, data=request.data, number=request.count)


def told(context: Any) -> str:
    """What contexts say."""
    left = context.time_remaining()
    return " ".join(
        [
            context.peer().partition(":")[0],
            str(context.auth_context()["transport_security_type"][0]),
            str(context.peer_identity_key()),
            "a deadline" if left is not None and left < 1000 else "no deadline",
        ]
    )


def _echoed(context: Any) -> list[tuple[str, str | bytes]]:
    return [(each.key, each.value) for each in context.invocation_metadata() if each.key.startswith("x-")]


STATUS = Status(grpc.StatusCode.OUT_OF_RANGE, "rich", (("grpc-status-details-bin", b"\x08\x0b\xff"), ("x-more", "y")))


class Blocking(ConformanceServicer):
    def __init__(self, heard: Heard | None = None) -> None:
        self.heard = heard or Heard()

    def Unary(self, request: Request, context: Any) -> Any:  # noqa: N802
        if request.wish == "abort":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, request.text)
        if request.wish == "rich":
            context.abort_with_status(STATUS)
        if request.wish == "greet":
            context.send_initial_metadata(_echoed(context))
        if request.wish == "wait":
            self._wait(context)
        return obey(request, context)

    def Spread(self, request: Request, context: Any) -> Iterator[Response]:  # noqa: N802
        for number in range(request.count):
            yield Response(text=request.text, data=request.data, number=number)
            self.heard.sent = number + 1
        if request.wish == "wait":
            self._wait(context)
        if request.wish == "abort":
            context.abort(grpc.StatusCode.ABORTED, request.text)
        obey(request, context)

    def Gather(self, request_iterator: Iterator[Request], context: Any) -> Any:  # noqa: N802
        first, texts = next(request_iterator, None), []
        if first is not None and first.wish == "early":
            return Response(text="enough")
        texts = [each.text for each in [first, *request_iterator] if each]
        return Response(text=",".join(texts), number=len(texts))

    def Chat(self, request_iterator: Iterator[Request], context: Any) -> Iterator[Response]:  # noqa: N802
        for request in request_iterator:
            yield obey(request, context)

    def _wait(self, context: Any) -> None:
        """Until the caller has left, or the test says so."""
        context.add_callback(self.heard.left.release)
        context.add_callback(self.heard.go_on.set)
        self.heard.begun.release()
        self.heard.go_on.wait(20)


class Async(ConformanceServicer):
    def __init__(self, heard: Heard | None = None) -> None:
        self.heard = heard or Heard()

    async def Unary(self, request: Request, context: Any) -> Any:  # noqa: N802
        if request.wish == "abort":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, request.text)
        if request.wish == "rich":
            await context.abort_with_status(STATUS)
        if request.wish == "greet":
            await context.send_initial_metadata(_echoed(context))
        if request.wish == "wait":
            await self._wait()
        return obey(request, context)

    async def Spread(self, request: Request, context: Any) -> AsyncIterator[Response]:  # noqa: N802
        for number in range(request.count):
            yield Response(text=request.text, data=request.data, number=number)
            self.heard.sent = number + 1
        if request.wish == "wait":
            await self._wait()
        if request.wish == "abort":
            await context.abort(grpc.StatusCode.ABORTED, request.text)
        obey(request, context)

    async def Gather(self, request_iterator: AsyncIterator[Request], context: Any) -> Any:  # noqa: N802
        texts = []
        async for request in request_iterator:
            if request.wish == "early":
                return Response(text="enough")
            texts.append(request.text)
        return Response(text=",".join(texts), number=len(texts))

    async def Chat(self, request_iterator: AsyncIterator[Request], context: Any) -> None:  # noqa: N802
        """By reading and writing."""
        while (request := await context.read()) is not aio.EOF:
            await context.write(obey(request, context))

    async def _wait(self) -> None:
        self.heard.begun.release()
        try:
            while not self.heard.go_on.is_set():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.heard.left.release()
            raise


@dataclass
class Place:
    """A server that serves the service."""

    port: int
    heard: Heard
    server: Any
    stop: Callable[[float | None], None]

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"


SYNC = {"grpcio": grpc.server, "salver": own.server}
AIO = {"grpcio aio": aio.server, "salver aio": own_aio.server}
KINDS = [*SYNC, *AIO]
WORKERS = "salver workers"
"""Salver's server with the servicers in worker processes, of which tests hear nothing."""
OWN = ["salver", "salver aio"]


@contextmanager
def serving(kind: str, register: Callable[[Any, Heard], None] | None = None, **options: Any) -> Iterator[Place]:
    """The service on a server of this kind; `register` may put something else on it."""
    if kind == WORKERS:
        yield from _serving_in_threads(partial(own.server, workers=2), _register_per_worker, options)
    elif kind in SYNC:
        yield from _serving_in_threads(SYNC[kind], register or _register(Blocking), options)
    else:
        yield from _serving_in_a_loop(AIO[kind], register or _register(Async), options)


def _register(servicer: Any) -> Callable[[Any, Heard], None]:
    return lambda server, heard: add_ConformanceServicer_to_server(servicer(heard), server)


def _register_per_worker(server: Any, _: Heard) -> None:
    add_ConformanceServicer_to_server(salver.per_worker(Blocking), server)


def _serving_in_threads(make: Any, register: Callable[[Any, Heard], None], options: Any) -> Iterator[Place]:
    heard = Heard()
    with ThreadPoolExecutor(16) as pool:
        server = make(pool, **options)
        register(server, heard)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield Place(port, heard, server, lambda grace: server.stop(grace).wait(20))
        finally:
            heard.go_on.set()
            server.stop(None)


def _serving_in_a_loop(make: Any, register: Callable[[Any, Heard], None], options: Any) -> Iterator[Place]:
    heard = Heard()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def there(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    async def start() -> Any:
        server = make(**options)
        register(server, heard)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    server, port = there(start())
    try:
        yield Place(port, heard, server, lambda grace: there(server.stop(grace)))
    finally:
        heard.go_on.set()
        there(server.stop(None))
        del server
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
