"""The context of handlers that are coroutines."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import grpc
from grpc import aio

from salver.grpc.call_context import CallContext, Metadata
from salver.grpc.context import LOGGER
from salver.grpc.handlers import Method
from salver.grpc.statuses import OK, UNKNOWN, number
from salver.problems import encodable


class AsyncContext(CallContext, aio.ServicerContext[Any, Any]):
    """As gRPC's, for one call. It belongs to its event loop."""

    _details = ""
    _trailing: Any = ()
    _aborted: aio.AbortError | None = None
    finished = False
    method: Method
    task: asyncio.Task[None]
    # A handler may read in one task and write in another.
    _readable: asyncio.Future[None] | None = None
    _writable: asyncio.Future[None] | None = None
    _callbacks: tuple[Callable[[Any], None], ...] = ()

    async def read(self) -> Any:
        self.check()
        message = await self.message()
        self.check()
        if message is None:
            return aio.EOF
        return message if self.method.deserialize is None else self.method.deserialize(message)

    async def message(self) -> bytes | None:
        """The next one as it came; None at the end. Raises CancelledError once the caller has left."""
        while True:
            try:
                return self.call.receive(False)
            except BlockingIOError:
                self._readable = asyncio.get_running_loop().create_future()
                await self._readable
            except ConnectionError:
                raise asyncio.CancelledError from None

    async def write(self, message: Any) -> None:
        self.check()
        if not self.method.server_streams:
            raise aio.UsageError("a method that answers by one message returns it; only streams are written")
        serialized = message if self.method.serialize is None else self.method.serialize(message)
        self._open_if_needed()
        while not self.call.send(serialized, False, self._compress_next):
            if not self.call.is_active():
                raise asyncio.CancelledError
            self._writable = asyncio.get_running_loop().create_future()
            await self._writable
        self._opened = self._compress_next = True

    async def send_initial_metadata(self, initial_metadata: Metadata) -> None:
        self.check()
        if self._opened:
            raise aio.UsageError("Send initial metadata failed: already sent")
        self._open(initial_metadata)

    async def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        if self._aborted is not None:
            raise aio.UsageError("Abort already called!")
        self._aborted = aio.AbortError("Locally aborted.")
        if number(code) == OK:
            LOGGER.error("abort() called with StatusCode.OK; returning UNKNOWN")
            code, details = grpc.StatusCode.UNKNOWN, ""
        self._code = code
        self._details = details or self._details
        if trailing_metadata:
            self.set_trailing_metadata(trailing_metadata)
        self.finish(number(code), self._details)
        raise self._aborted

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._trailing = tuple(trailing_metadata)

    def set_details(self, details: str) -> None:
        self._details = details

    def details(self) -> str:
        return self._details

    def set_compression(self, compression: Any) -> None:
        if self._opened:
            raise RuntimeError("Compression setting must be specified before sending initial metadata")
        super().set_compression(compression)

    def time_remaining(self) -> Any:
        return self.call.time_remaining()

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._callbacks += (callback,)

    def done(self) -> bool:
        return self.finished

    def cancelled(self) -> bool:
        return self._code is grpc.StatusCode.CANCELLED

    def check(self) -> None:
        """Raises what ends a handler that goes on after the call's end."""
        if self._aborted is not None:
            raise self._aborted
        if self.finished:
            raise aio.UsageError("RPC already finished.")

    def end(self, message: bytes | None = None) -> None:
        """Answer with what the handler has set, perhaps after a last message."""
        self.finished = True
        if self._code is None and self.compression is None:
            # Most handlers set nothing.
            self.call.finish(OK, encodable(self._details), self._trailing, message, self._compress_next)
            return
        code = OK if self._code is None else number(self._code)
        self.finish(code, self._details, message if code == OK else None)

    def fail(self, details: str) -> None:
        """Answer so, with the code that the handler has set, if it set one."""
        self.finish(UNKNOWN if self._code is None else number(self._code) or UNKNOWN, details)

    def finish(self, code: int, details: str, message: bytes | None = None) -> None:
        self.finished = True
        self._open_if_needed()
        self.call.finish(code, encodable(details), self._trailing, message, self._compress_next)

    def news(self, what: str) -> None:
        """What has happened to the call, in the words of `_native.Calls.events`."""
        if what != "writable":
            _wake(self._readable)
        if what != "readable":
            _wake(self._writable)
        if what == "ended":
            self.task.cancel()

    def call_back(self) -> None:
        for callback in self._callbacks:
            try:
                callback(self)
            except Exception:
                LOGGER.exception("Exception calling callback!")

    def was_aborted_by(self, error: BaseException) -> bool:
        return error is self._aborted

    @property
    def aborted(self) -> bool:
        return self._aborted is not None

    @property
    def is_ok(self) -> bool:
        """Whether the handler has set no other status."""
        return self._code is None or number(self._code) == OK

    @property
    def path(self) -> str:
        return self.call.path


def _wake(waited: "asyncio.Future[None] | None") -> None:
    if waited is not None and not waited.done():
        waited.set_result(None)


class Requests(AsyncIterator[Any]):
    """The messages of a caller who streams, as they come."""

    def __init__(self, context: AsyncContext) -> None:
        self._context = context

    async def __anext__(self) -> Any:
        message = await self._context.read()
        if message is aio.EOF:
            raise StopAsyncIteration
        return message
