"""A client of any gRPC service, round its stub: ready check, time-outs, new attempts, errors that say what happened."""

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

import grpc

from salver.client.readiness import RECONNECT, Health, Progress, wait
from salver.client.retry import ONCE, Attempts, Retry
from salver.client.rich import Detail, details_of

OPTIONS = (*RECONNECT, ("grpc.use_local_subchannel_pool", 1))

_STREAMS_REQUESTS = (grpc.StreamUnaryMultiCallable, grpc.StreamStreamMultiCallable)
_STREAMS_REPLIES = (grpc.UnaryStreamMultiCallable, grpc.StreamStreamMultiCallable)


class CallFailed(grpc.RpcError):
    """An rpc that failed: what the server, or gRPC in its place, said of it."""

    def __init__(self, rpc: str, attempts: int, error: Any) -> None:
        self.rpc = rpc
        self.attempts = attempts
        self._code: grpc.StatusCode = error.code()
        self._details: str = error.details() or ""
        self._trailing = tuple(error.trailing_metadata() or ())
        times = f" {attempts} times" if attempts > 1 else ""
        super().__init__(f"{rpc} failed{times} with {self._code.name}: {self._details}")

    def code(self) -> grpc.StatusCode:
        """The status, one of grpc.StatusCode."""
        return self._code

    def details(self) -> str:
        """The text of the status."""
        return self._details

    def trailing_metadata(self) -> Any:
        """What came with the status."""
        return self._trailing

    @property
    def rich(self) -> tuple[Detail, ...]:
        """The messages of a rich status."""
        return details_of(self._trailing)


class ServiceClient:
    """Calls a service: `ServiceClient(InferenceStub, "localhost", 50051).Predict(image)`.

    The stub is a class that is made of a channel, generated or of `salver.proto`; instead of it a module and the name
    of the class in it may be given. The server is a host and a port, or one address, `host:port` or `unix:path`, or,
    for TLS and whatever else channels have, a channel, which is closed with the client. A last argument is the
    time-out, as is `timeout`: for how many seconds a call may take that says no other; None is for ever.

    The server is waited for, up to `ready_timeout` seconds, of which `progress` is told; None does not wait. With
    `retry` calls are tried again, see `Retry`.

    It has the rpcs under their names. They take a request, or an iterator of requests, and `timeout`, `metadata` and
    `idempotent` by name, and give a reply, or an iterator of replies. They raise CallFailed, the constructor
    `salver.Unavailable`. To be closed, or used in `with`; any number of threads may use it.
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
        self._retry = retry or ONCE
        self._channel = grpc.insecure_channel(where, OPTIONS) if isinstance(where, str) else where
        self._stub = made(self._channel)
        if ready_timeout is not None:
            try:
                self.wait_until_ready(ready_timeout, progress)
            except BaseException:
                self.close()
                raise

    def wait_until_ready(self, timeout: float, progress: Progress | None = None) -> None:
        """Return once the server answers, and is not unhealthy by its own account. Raises salver.Unavailable."""
        wait(Health(self._channel).ask, timeout, progress)

    def close(self) -> None:
        """End the connection; calls that are under way fail."""
        self._channel.close()

    def __enter__(self) -> "ServiceClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, rpc: str) -> Any:
        if rpc.startswith("_"):
            raise AttributeError(rpc)
        return _Rpc(rpc, rpc_of(self._stub, rpc), self._timeout, self._retry)


class _Rpc:
    """One rpc."""

    def __init__(self, name: str, call: Callable[..., Any], timeout: float | None, retry: Retry) -> None:
        self._name = name
        self._call = call
        self._timeout = timeout
        self._retry = ONCE if isinstance(call, _STREAMS_REQUESTS) else retry

    def __call__(self, request: Any, *, idempotent: bool = True, **keywords: Any) -> Any:
        timeout = keywords.pop("timeout", self._timeout)
        attempts = Attempts(self._retry if idempotent else ONCE, timeout)
        if isinstance(self._call, _STREAMS_REPLIES):
            return Replies(self._name, attempts, partial(self._begin, request, keywords))
        try:
            return attempts.run(partial(self._begin, request, keywords))
        except grpc.RpcError as error:
            raise CallFailed(self._name, attempts.made, error) from None

    def _begin(self, request: Any, keywords: dict[str, Any], left: float | None) -> Any:
        return self._call(request, timeout=left, **keywords)


class Replies:
    """The replies of one call, one by one; leaving them cancels it, as `cancel()` does."""

    def __init__(self, rpc: str, attempts: Attempts, begin: Callable[[float | None], Any]) -> None:
        self._rpc = rpc
        self._attempts = attempts
        self._begin = begin
        self._call = begin(attempts.left())
        self._begun = False

    def __iter__(self) -> "Replies":
        return self

    def __next__(self) -> Any:
        try:
            if self._begun:
                return next(self._call)
            reply = self._attempts.run(self._first)
        except grpc.RpcError as error:
            raise CallFailed(self._rpc, self._attempts.made, error) from None
        self._begun = True
        return reply

    def cancel(self) -> None:
        """End the call."""
        self._call.cancel()

    def __getattr__(self, name: str) -> Any:
        """What grpc.Call has: metadata, code, details."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._call, name)

    def _first(self, left: float | None) -> Any:
        if self._attempts.made > 1:
            self._call = self._begin(left)
        return next(self._call)


def rpc_of(stub: Any, name: str) -> Callable[..., Any]:
    """A stub's rpc. Raises AttributeError naming those there are."""
    call: Callable[..., Any] | None = getattr(stub, name, None)
    if call is None:
        rpcs = ", ".join(sorted(vars(stub)))
        raise AttributeError(f"{type(stub).__name__} has no rpc '{name}'; it has {rpcs}")
    return call


def arguments(stub: Any, server: tuple[Any, ...]) -> tuple[Callable[[Any], Any], Any, tuple[Any, ...]]:
    """What makes the stub, the server's address or a channel, and what was given beside them. Raises TypeError."""
    made, where = (stub, server) if callable(stub) else (getattr(stub, str(server[0])), server[1:])
    named = bool(where) and isinstance(where[0], str)
    if named and len(where) in (2, 3) and isinstance(where[1], int):
        return made, f"{where[0]}:{where[1]}", where[2:]
    if len(where) == 1 and (named or hasattr(where[0], "unary_unary")):
        return made, where[0], ()
    raise TypeError(f'expected a stub, a host and a port, such as (InferenceStub, "localhost", 50051), not {where!r}')
