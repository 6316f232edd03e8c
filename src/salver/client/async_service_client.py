"""`ServiceClient` for event loops, over grpc.aio."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from types import TracebackType
from typing import Any

import grpc
from grpc import aio

from salver.client.readiness import POLL_S, Health, Progress, Waiting
from salver.client.retry import ONCE, Attempts, Retry
from salver.client.service_client import OPTIONS, CallFailed, arguments, rpc_of

_STREAMS_REQUESTS = (aio.StreamUnaryMultiCallable, aio.StreamStreamMultiCallable)
_STREAMS_REPLIES = (aio.UnaryStreamMultiCallable, aio.StreamStreamMultiCallable)


class AsyncServiceClient:
    """Calls a service: `async with AsyncServiceClient(InferenceStub, "localhost", 50051) as client`.

    What it is made of is as of `ServiceClient`; `async with` waits for the server. Its rpcs are awaited for a reply,
    or gone through by `async for`.
    """

    def __init__(
        self,
        stub: Any,
        *server: Any,
        timeout: float | None = 5.0,
        ready_timeout: float | None = 10.0,
        progress: Progress | None = None,
        retry: Retry | None = None,
    ) -> None:
        made, where, rest = arguments(stub, server)
        self._timeout = rest[0] if rest else timeout
        self._ready_timeout = ready_timeout
        self._progress = progress
        self._retry = retry or ONCE
        self._channel = aio.insecure_channel(where, OPTIONS) if isinstance(where, str) else where
        self._stub = made(self._channel)

    async def wait_until_ready(self, timeout: float, progress: Progress | None = None) -> None:
        """Return once the server answers, and is not unhealthy by its own account. Raises salver.Unavailable."""
        waiting, health = Waiting(timeout, progress), Health(self._channel)
        while waiting.goes_on(await health.ask_async(waiting.left())):
            await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        """End the connection; calls that are under way fail."""
        await self._channel.close()

    async def __aenter__(self) -> "AsyncServiceClient":
        try:
            if self._ready_timeout is not None:
                await self.wait_until_ready(self._ready_timeout, self._progress)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __getattr__(self, rpc: str) -> Any:
        if rpc.startswith("_"):
            raise AttributeError(rpc)
        return partial(self._called, rpc, rpc_of(self._stub, rpc))

    def _called(
        self, rpc: str, call: Callable[..., Any], request: Any, *, idempotent: bool = True, **keywords: Any
    ) -> Any:
        timeout = keywords.pop("timeout", self._timeout)
        again = idempotent and not isinstance(call, _STREAMS_REQUESTS)
        attempts = Attempts(self._retry if again else ONCE, timeout)

        def begin(left: float | None) -> Any:
            return call(request, timeout=left, **keywords)

        return _replies(rpc, attempts, begin) if isinstance(call, _STREAMS_REPLIES) else _reply(rpc, attempts, begin)


async def _reply(rpc: str, attempts: Attempts, begin: Callable[[float | None], Any]) -> Any:
    try:
        return await attempts.run_async(begin)
    except grpc.RpcError as error:
        raise CallFailed(rpc, attempts.made, error) from None


async def _replies(rpc: str, attempts: Attempts, begin: Callable[[float | None], Any]) -> AsyncIterator[Any]:
    """The replies one by one; closing it cancels the call."""
    calls: list[Any] = []

    async def first(left: float | None) -> Any:
        calls.append(begin(left))
        return await calls[-1].read()

    try:
        reply = await attempts.run_async(first)
        while reply is not aio.EOF:
            yield reply
            reply = await calls[-1].read()
    except grpc.RpcError as error:
        raise CallFailed(rpc, attempts.made, error) from None
    finally:
        for call in calls:
            call.cancel()
