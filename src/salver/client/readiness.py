"""Waiting for a server."""

import time
from collections.abc import Callable
from typing import Any

import grpc

from salver.client import messages
from salver.client.errors import Unavailable

Progress = Callable[[float, str], None]
"""Told for how many seconds a server has been waited for, and why: once a second, and when the reason changes."""

POLL_S = 0.02
_ATTEMPT_S = 1.0
_TELL_S = 1.0
_WAITING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

# Without these a channel that once found nobody does not look again for a second or more.
RECONNECT = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


def wait(look: Callable[[float], str | None], timeout: float, progress: Progress | None) -> None:
    """Look until there is no more reason to wait. Raises Unavailable, with the last reason, when the time is up."""
    waiting = Waiting(timeout, progress)
    while waiting.goes_on(look(waiting.left())):
        time.sleep(POLL_S)


class Waiting:
    """One time of waiting."""

    def __init__(self, timeout: float, progress: Progress | None) -> None:
        self._timeout = timeout
        self._progress = progress
        self._begun = time.monotonic()
        self._told: tuple[float, str] | None = None

    def left(self) -> float:
        """For how many seconds to look, which is a moment even when the time is up."""
        return max(self._begun + self._timeout - time.monotonic(), POLL_S)

    def goes_on(self, why: str | None) -> bool:
        """Whether there is a reason to wait. Raises Unavailable if there is, but no time is left."""
        if why is None:
            return False
        waited = time.monotonic() - self._begun
        self._tell(waited, why)
        if waited >= self._timeout:
            raise Unavailable(f"the server was not ready within {self._timeout:g} s: {why}")
        return True

    def _tell(self, waited: float, why: str) -> None:
        if self._progress is None:
            return
        if self._told is None or self._told[1] != why or waited - self._told[0] >= _TELL_S:
            self._told = waited, why
            self._progress(waited, why)


class Health:
    """The health of a server of any kind: one without the health service is ready once it answers at all."""

    def __init__(self, channel: Any) -> None:
        self._call = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=messages.HealthCheckRequest.SerializeToString,
            response_deserializer=messages.HealthCheckResponse.FromString,
        )

    def ask(self, timeout: float) -> str | None:
        """Why it is not ready, or None."""
        try:
            return _verdict(self._call(messages.HealthCheckRequest(), timeout=min(timeout, _ATTEMPT_S)))
        except grpc.RpcError as error:
            return _reason(error)

    async def ask_async(self, timeout: float) -> str | None:
        """As `ask`, over a channel of grpc.aio."""
        try:
            return _verdict(await self._call(messages.HealthCheckRequest(), timeout=min(timeout, _ATTEMPT_S)))
        except grpc.RpcError as error:
            return _reason(error)


def _verdict(reply: Any) -> str | None:
    status: str = type(reply).ServingStatus.Name(reply.status)
    return None if status in ("SERVING", "SERVICE_UNKNOWN") else f"it says {status}"


def _reason(error: grpc.RpcError) -> str | None:
    return (error.details() or error.code().name) if error.code() in _WAITING else None
