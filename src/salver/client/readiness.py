"""Waiting for a server."""

import time
from collections.abc import Callable
from typing import Any

import grpc

from salver.client import messages
from salver.client.errors import Unavailable

Progress = Callable[[float, str], None]
"""Told, again and again, for how many seconds a server has been waited for, and why it is not ready yet."""

_POLL_S = 0.02
_ATTEMPT_S = 1.0
_WAITING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

# Without these a channel that once found nobody does not look again for a second or more.
RECONNECT = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


def wait(look: Callable[[float], str | None], timeout: float, progress: Progress | None) -> None:
    """Look until there is no more reason to wait. Raises Unavailable, with the last reason, when the time is up."""
    begun = time.monotonic()
    while True:
        left = begun + timeout - time.monotonic()
        why = look(max(left, _POLL_S))
        if why is None:
            return
        if progress is not None:
            progress(time.monotonic() - begun, why)
        if left <= 0:
            raise Unavailable(f"the server was not ready within {timeout:g} s: {why}")
        time.sleep(_POLL_S)


def ask_health(channel: grpc.Channel, timeout: float) -> str | None:
    """Why a server of any kind is not ready, or None: one without the health service is once it answers at all."""
    call = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=messages.HealthCheckRequest.SerializeToString,
        response_deserializer=messages.HealthCheckResponse.FromString,
    )
    try:
        reply: Any = call(messages.HealthCheckRequest(), timeout=min(timeout, _ATTEMPT_S))
    except grpc.RpcError as error:
        return (error.details() or error.code().name) if error.code() in _WAITING else None
    status: str = type(reply).ServingStatus.Name(reply.status)
    return None if status in ("SERVING", "SERVICE_UNKNOWN") else f"it says {status}"
