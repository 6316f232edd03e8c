"""The context of handlers that run in threads."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import grpc

from salver.grpc.call_context import CallContext, Metadata
from salver.grpc.statuses import OK, UNKNOWN, number
from salver.problems import encodable

LOGGER = logging.getLogger("salver.grpc")

_NEVER_S = float(2**63)


class Aborted(Exception):
    """Raised by `abort`, so that the handler ends."""


class Context(CallContext, grpc.ServicerContext):
    """As gRPC's, for one call."""

    _details: bytes | None = None
    _aborted = False
    _gone: grpc.RpcError | None = None

    def is_active(self) -> bool:
        return self.call.is_active()

    def time_remaining(self) -> float:
        left = self.call.time_remaining()
        return _NEVER_S if left is None else left

    def cancel(self) -> bool:
        was_active = self.call.is_active()
        self.call.cancel()
        return was_active

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return self.call.on_end(partial(_call_back, callback))

    def send_initial_metadata(self, initial_metadata: Metadata) -> None:
        if self._opened:
            raise ValueError("Initial metadata no longer allowed!")
        if not self.call.is_active():
            raise self.gone()
        self._open(initial_metadata)

    def set_trailing_metadata(self, trailing_metadata: Metadata) -> None:
        self._trailing = trailing_metadata

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        if code == grpc.StatusCode.OK:
            LOGGER.error("abort() called with StatusCode.OK; returning UNKNOWN")
            code, details = grpc.StatusCode.UNKNOWN, ""
        self._code, self._details, self._aborted = code, _encoded(details), True
        raise Aborted

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        self._trailing = status.trailing_metadata
        self.abort(status.code, status.details)

    def set_details(self, details: str) -> None:
        self._details = _encoded(details)

    def details(self) -> Any:
        return self._details

    def gone(self) -> grpc.RpcError:
        """What is raised where the caller has left; a handler that lets it through has not failed."""
        if self._gone is None:
            self._gone = grpc.RpcError()
        return self._gone

    def send(self, message: bytes) -> bool:
        """One of several messages; waits while the caller does not read. False once the call is over."""
        self._open_if_needed()
        sent = self.call.send(message, True, self._compress_next)
        self._compress_next = True
        return sent

    def end(self, message: bytes | None = None) -> None:
        """Answer with what the handler has set, perhaps after a last message."""
        if self._code is None and self._details is None and self._trailing is None and self.compression is None:
            # Most handlers set nothing.
            self.call.finish(OK, "", (), message, self._compress_next)
        else:
            self._finish(OK, "", message)

    def fail(self, code: int, details: str) -> None:
        """Answer with this, unless the handler has set something else."""
        self._finish(code, details, None)

    def fail_with(self, doing: str, error: BaseException) -> None:
        """The handler raised this. It is logged, unless it is only how it was ended."""
        details = "RPC Aborted"
        if not self._aborted and error is not self._gone:
            try:
                details = f"Exception {doing}: {error}"
            except Exception:
                details = "Calling application raised unprintable Exception!"
            LOGGER.error(details, exc_info=error)
        self.fail(UNKNOWN, details)

    def _finish(self, code: int, details: str, message: bytes | None) -> None:
        if self._code is not None:
            code = number(self._code)
        if self._details is not None:
            details = self._details.decode(errors="replace")
        try:
            self._open_if_needed()
            trailing = () if self._trailing is None else tuple(self._trailing)
            self.call.finish(code, encodable(details), trailing, message if code == OK else None, self._compress_next)
        except (TypeError, ValueError) as error:
            LOGGER.error("Exception sending the status!", exc_info=error)
            self.call.finish(UNKNOWN, f"Exception sending the status: {error}", ())


def _encoded(details: Any) -> bytes:
    return details if isinstance(details, bytes) else encodable(details).encode()


def _call_back(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        LOGGER.exception("Exception calling callback!")
