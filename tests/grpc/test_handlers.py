"""Which handler answers a call, on gRPC's own servers and on salver's: interceptors choose, and generic handlers."""

import contextvars
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc import aio
from support.conformance import KINDS, SYNC, Heard, serving
from support.conformance_calls import TIMEOUT_S, code_of, stub_of
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer, add_ConformanceServicer_to_server

each_kind = pytest.mark.parametrize("kind", KINDS)
each_sync = pytest.mark.parametrize("kind", SYNC)

USER = contextvars.ContextVar("USER", default="nobody")


class Guard(grpc.ServerInterceptor):
    """Lets in who says so, and notes who came."""

    def __init__(self, key: str) -> None:
        self._key = key

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        allowed = dict(handler_call_details.invocation_metadata).get(self._key)
        if allowed is None:
            return grpc.unary_unary_rpc_method_handler(self._refuse)
        USER.set(USER.get() + allowed)
        return continuation(handler_call_details)

    def _refuse(self, _: Any, context: Any) -> None:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, f"no {self._key}")


class AsyncGuard(aio.ServerInterceptor):
    def __init__(self, key: str) -> None:
        self._key = key

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        allowed = dict(handler_call_details.invocation_metadata).get(self._key)
        if allowed is None:
            return grpc.unary_unary_rpc_method_handler(self._refuse)
        USER.set(USER.get() + allowed)
        return await continuation(handler_call_details)

    async def _refuse(self, _: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"no {self._key}")


class Who(ConformanceServicer):
    def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
        return Response(text=USER.get())


class AsyncWho(ConformanceServicer):
    async def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
        return Response(text=USER.get())


@each_kind
def test_interceptors_choose_the_handler_from_the_outermost_inwards(kind: str) -> None:
    guard, who = (Guard, Who) if kind in SYNC else (AsyncGuard, AsyncWho)

    def register(server: Any, _: Heard) -> None:
        add_ConformanceServicer_to_server(who(), server)  # type: ignore[no-untyped-call]

    with serving(kind, register, interceptors=[guard("x-one"), guard("x-two")]) as place:
        channel, stub = stub_of(place.target)
        with channel:
            for _ in range(2):
                metadata = [("x-one", "1"), ("x-two", "2")]
                assert stub.Unary(Request(), metadata=metadata, timeout=TIMEOUT_S).text == "nobody12"
            with pytest.raises(grpc.RpcError, match="no x-one"):
                stub.Unary(Request(), timeout=TIMEOUT_S)
            with pytest.raises(grpc.RpcError, match="no x-two"):
                stub.Unary(Request(), metadata=metadata[:1], timeout=TIMEOUT_S)
            unknown = channel.unary_unary("/a.B/C")
            assert code_of(unknown, b"x", metadata=metadata) is grpc.StatusCode.UNIMPLEMENTED


class Broken(grpc.ServerInterceptor):
    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        raise ValueError("no")


@each_sync
def test_an_interceptor_that_raises_fails_the_call(kind: str) -> None:
    with serving(kind, interceptors=[Broken()]) as place:
        channel, stub = stub_of(place.target)
        with channel, pytest.raises(grpc.RpcError, match="Error in service handler!") as caught:
            stub.Unary(Request(), timeout=TIMEOUT_S)
        assert caught.value.code() is grpc.StatusCode.UNKNOWN


class Anything(grpc.GenericRpcHandler):
    """Answers every path that ends in Any, with bytes as they are."""

    def service(self, handler_call_details: Any) -> Any:
        if not handler_call_details.method.endswith("Any"):
            return None
        return grpc.stream_stream_rpc_method_handler(self._echo)

    def _echo(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for each in requests:
            yield each * 2


@each_sync
def test_generic_handlers_answer_any_path(kind: str, pool: ThreadPoolExecutor) -> None:
    server = SYNC[kind](pool, [Anything()])
    with pytest.raises(AttributeError, match='does not have "service" method'):
        server.add_generic_rpc_handlers([object()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel, _ = stub_of(f"127.0.0.1:{port}")
    with channel:
        call = channel.stream_stream("/what.Ever/Any")
        assert list(call(iter([b"a", b"b"]), timeout=TIMEOUT_S)) == [b"aa", b"bb"]
        assert code_of(channel.unary_unary("/what.Ever/Else"), b"x") is grpc.StatusCode.UNIMPLEMENTED
    server.stop(None).wait(TIMEOUT_S)


@each_sync
def test_generic_handlers_may_be_added_to_a_server_that_runs(kind: str, pool: ThreadPoolExecutor) -> None:
    server = SYNC[kind](pool)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("a.B", {"C": handler})])
    server.add_registered_method_handlers("a.B", {"D": handler})
    channel, _ = stub_of(f"127.0.0.1:{port}")
    with channel:
        assert channel.unary_unary("/a.B/C")(b"x", timeout=TIMEOUT_S) == b"x"
        assert code_of(channel.unary_unary("/a.B/D"), b"x") is grpc.StatusCode.UNIMPLEMENTED
    server.stop(None).wait(TIMEOUT_S)
