"""The wrapper round stubs, against servers of grpcio's own."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2, wrappers_pb2
from support.grpc_server import EchoStub, serving

from salver.client import CallFailed, Retry, ServiceClient
from salver.client.errors import Unavailable
from salver.client.messages import Status
from salver.client.rich import Detail, details_of

RETRY = Retry(attempts=4, first_s=0.001, longest_s=0.002)


def say(request: bytes, context: grpc.ServicerContext) -> bytes:
    metadata = dict(context.invocation_metadata())
    return request + metadata.get("x-more", "").encode()


def count(request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
    yield from (b"%d" % number for number in range(int(request)))


def join(requests: Iterator[bytes], _context: grpc.ServicerContext) -> bytes:
    return b" ".join(requests)


def chat(requests: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
    yield from (request.upper() for request in requests)


class Unwilling:
    """Is unavailable so many times, with the handler after that; `after` is how many messages it gives before."""

    def __init__(self, times: int, handler: Any, after: int = 0) -> None:
        self.calls = 0
        self._times = times
        self._handler = handler
        self._after = after

    def say(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.calls += 1
        if self.calls <= self._times:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        reply: bytes = self._handler(request, context)
        return reply

    def count(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        self.calls += 1
        yield from (b"early" for _ in range(self._after))
        if self.calls <= self._times:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        yield from self._handler(request, context)


def test_rpcs_of_all_kinds_are_under_their_names() -> None:
    with (
        serving(Say=say, Count=count, Join=join, Chat=chat) as port,
        ServiceClient(EchoStub, "127.0.0.1", port) as echo,
    ):
        assert echo.Say(b"hello", metadata=[("x-more", " there")]) == b"hello there"
        assert list(echo.Count(b"3")) == [b"0", b"1", b"2"]
        assert echo.Join(iter([b"a", b"b"])) == b"a b"
        assert list(echo.Chat(iter([b"a", b"b"]))) == [b"A", b"B"]


@pytest.mark.parametrize("form", ["class", "module", "address", "channel", "time-out"])
def test_it_is_made_of_a_stub_and_a_server(form: str) -> None:
    module = SimpleNamespace(EchoStub=EchoStub)
    with serving(Say=say) as port:
        arguments: dict[str, tuple[Any, ...]] = {
            "class": (EchoStub, "localhost", port),
            "module": (module, "EchoStub", "localhost", port),
            "address": (EchoStub, f"127.0.0.1:{port}"),
            "channel": (EchoStub, grpc.insecure_channel(f"127.0.0.1:{port}")),
            "time-out": (module, "EchoStub", "localhost", port, 20),
        }
        with ServiceClient(*arguments[form]) as echo:
            assert echo.Say(b"hello") == b"hello"


@pytest.mark.parametrize("arguments", [(), ("localhost",) * 3, (50051,), ("localhost", "50051")])
def test_anything_else_is_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="expected a stub, a host and a port"):
        ServiceClient(EchoStub, *arguments)


def test_an_unknown_rpc_is_named_with_those_there_are() -> None:
    named = "no rpc 'Predict'; it has Chat, Count, Join, Say"
    with (
        ServiceClient(EchoStub, "127.0.0.1:1", ready_timeout=None) as echo,
        pytest.raises(AttributeError, match=named),
    ):
        echo.Predict(b"")


def test_a_server_that_is_not_there_is_waited_for_and_then_unavailable() -> None:
    told: list[tuple[float, str]] = []
    with pytest.raises(Unavailable, match=r"within 0\.3 s: .*127\.0\.0\.1:1"):
        ServiceClient(EchoStub, "127.0.0.1", 1, ready_timeout=0.3, progress=lambda *said: told.append(said))
    assert told
    assert all(seconds >= 0 and "127.0.0.1:1" in why for seconds, why in told)


def test_a_server_that_comes_later_is_found() -> None:
    with serving(Say=say) as free:
        port = free
    waited = threading.Event()
    made: list[ServiceClient] = []
    thread = threading.Thread(
        target=lambda: made.append(
            ServiceClient(EchoStub, "127.0.0.1", port, ready_timeout=30, progress=lambda *_: waited.set())
        )
    )
    thread.start()
    assert waited.wait(30)
    server = grpc.server(ThreadPoolExecutor(1))
    assert server.add_insecure_port(f"127.0.0.1:{port}") == port
    server.start()
    thread.join(30)
    assert made
    made[0].close()
    server.stop(None).wait(30)


def test_a_call_that_takes_too_long_ends_with_its_time_out() -> None:
    release = threading.Event()

    def sleep(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        release.wait(30)
        return b""

    with serving(Say=sleep) as port:
        try:
            with ServiceClient(EchoStub, "127.0.0.1", port, timeout=0.1) as echo:
                for keywords in ({}, {"timeout": 0.05}):
                    with pytest.raises(CallFailed) as failure:
                        echo.Say(b"", **keywords)
                    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        finally:
            release.set()


def test_an_error_tells_what_the_server_said() -> None:
    detail = any_pb2.Any()
    detail.Pack(wrappers_pb2.StringValue(value="which one"))
    rich = Status(code=5, message="no such face", details=[{"type_url": detail.type_url, "value": detail.value}])

    def refuse(_request: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata([("grpc-status-details-bin", rich.SerializeToString()), ("x-who", "me")])
        context.abort(grpc.StatusCode.NOT_FOUND, "no such face: ä")
        return b""

    with (
        serving(Say=refuse) as port,
        ServiceClient(EchoStub, "127.0.0.1", port) as echo,
        pytest.raises(grpc.RpcError) as failure,
    ):
        echo.Say(b"")
    error = failure.value
    assert isinstance(error, CallFailed)
    assert str(error) == "Say failed with NOT_FOUND: no such face: ä"
    assert (error.code(), error.details(), error.rpc) == (grpc.StatusCode.NOT_FOUND, "no such face: ä", "Say")
    assert dict(error.trailing_metadata())["x-who"] == "me"
    [told] = error.rich
    assert told.type == "google.protobuf.StringValue"
    assert wrappers_pb2.StringValue.FromString(told.value).value == "which one"


@pytest.mark.parametrize(
    "metadata", [None, [], [("grpc-status-details-bin", b"\xff\xff")], [("grpc-status-details-bin", "text")]]
)
def test_what_is_no_rich_status_has_no_details(metadata: Any) -> None:
    assert details_of(metadata) == ()


def test_a_rich_status_is_read_from_any_metadata() -> None:
    raw = Status(details=[{"type_url": "type.googleapis.com/a.B", "value": b"x"}]).SerializeToString()
    assert details_of([("other", "y"), ("grpc-status-details-bin", raw)]) == (Detail("a.B", b"x"),)


@pytest.mark.parametrize(
    ("retry", "keywords", "calls", "answered"),
    [
        (RETRY, {}, 3, True),
        (None, {}, 1, False),
        (RETRY, {"idempotent": False}, 1, False),
        (Retry(attempts=2, first_s=0, longest_s=0), {}, 2, False),
    ],
)
def test_a_call_is_tried_again_where_that_is_wanted(
    retry: Retry | None, keywords: dict[str, Any], calls: int, answered: bool
) -> None:
    unwilling = Unwilling(2, say)
    with serving(Say=unwilling.say) as port, ServiceClient(EchoStub, "127.0.0.1", port, retry=retry) as echo:
        if answered:
            assert echo.Say(b"hello", **keywords) == b"hello"
        else:
            with pytest.raises(CallFailed, match="not now") as failure:
                echo.Say(b"hello", **keywords)
            assert failure.value.attempts == calls
    assert unwilling.calls == calls


@pytest.mark.parametrize(("after", "calls", "got"), [(0, 3, [b"0", b"1"]), (1, 1, [b"early"])])
def test_a_stream_is_tried_again_only_before_its_first_message(after: int, calls: int, got: list[bytes]) -> None:
    unwilling = Unwilling(2, count, after)
    replies = []
    with (
        serving(Count=unwilling.count) as port,
        ServiceClient(EchoStub, "127.0.0.1", port, retry=RETRY) as echo,
        suppress(CallFailed),
    ):
        for reply in echo.Count(b"2"):
            replies.append(reply)
    assert (replies, unwilling.calls) == (got, calls)


def test_streams_of_requests_are_never_sent_again() -> None:
    calls = []

    def refuse(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        calls.append(list(requests))
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return b""

    with (
        serving(Join=refuse) as port,
        ServiceClient(EchoStub, "127.0.0.1", port, retry=RETRY) as echo,
        pytest.raises(CallFailed, match="not now"),
    ):
        echo.Join(iter([b"a"]))
    assert calls == [[b"a"]]


def test_leaving_a_stream_ends_it() -> None:
    ended = threading.Event()

    def forever(_request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(ended.set)
        while context.is_active():
            yield b"more"

    with serving(Count=forever) as port, ServiceClient(EchoStub, "127.0.0.1", port, timeout=None) as echo:
        replies = echo.Count(b"")
        assert next(replies) == b"more"
        replies.cancel()
        assert ended.wait(30)
