"""Calls of the service of `support.conformance`, by grpcio's own client."""

from typing import Any

import grpc
import pytest
from support.conformance_pb2 import Request
from support.conformance_pb2_grpc import ConformanceStub

TIMEOUT_S = 20.0


def stub_of(target: str, credentials: grpc.ChannelCredentials | None = None) -> tuple[grpc.Channel, Any]:
    """A connection that no other channel shares, and a stub that calls over it."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    if credentials is None:
        channel = grpc.insecure_channel(target, options)
    else:
        channel = grpc.secure_channel(target, credentials, options)
    return channel, ConformanceStub(channel)  # type: ignore[no-untyped-call]


def code_of(call: Any, request: Any = None, **options: Any) -> grpc.StatusCode:
    """The status with which a call fails."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request or Request(), timeout=TIMEOUT_S, **options)
    code: grpc.StatusCode = caught.value.code()
    return code
