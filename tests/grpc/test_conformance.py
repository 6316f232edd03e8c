"""To its clients salver's server is gRPC's own: the same calls of the same servicers, with the same expectations."""

import queue
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from support.conformance import KINDS, WORKERS, Heard, Place, serving
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceStub

_TIMEOUT_S = 20.0
_LARGE = bytes(range(256)) * 8192  # 2 MiB
_SPECIAL = "50 % of \N{GREEK SMALL LETTER ALPHA}\nis\ttoo much \N{PILE OF POO}"


@pytest.fixture(scope="module", params=[*KINDS, WORKERS])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with serving(request.param) as place:
        yield place


@pytest.fixture
def channel(place: Place) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(place.target) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.Channel) -> Any:
    return ConformanceStub(channel)  # type: ignore[no-untyped-call]


@pytest.fixture(params=KINDS)
def heard(request: pytest.FixtureRequest) -> Iterator[tuple[Heard, Any]]:
    """What the servicers notice, and a stub for them."""
    with serving(request.param) as place, grpc.insecure_channel(place.target) as channel:
        yield place.heard, ConformanceStub(channel)  # type: ignore[no-untyped-call]


def refused(call: Any, *arguments: Any, **options: Any) -> grpc.RpcError:
    """The error that the call ends with; a stream is read to its end."""
    with pytest.raises(grpc.RpcError) as caught:
        _heard_out(call(*arguments, timeout=_TIMEOUT_S, **options))
    return caught.value


def _heard_out(answer: Any) -> None:
    if hasattr(answer, "__next__"):
        list(answer)


def pairs(metadata: Any) -> list[tuple[str, str | bytes]]:
    """The test's own, by keys: only among values of one key is there an order that counts."""
    return sorted(((key, value) for key, value in metadata if key.startswith("x-")), key=lambda pair: pair[0])


class Talk:
    """A caller's messages, one after the other as the test says."""

    def __init__(self, *messages: Request) -> None:
        self._messages: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        for each in messages:
            self.say(each)

    def say(self, message: Request | None) -> None:
        self._messages.put(message)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._messages.get, None)


@pytest.mark.parametrize("request_", [Request(), Request(text="a", count=-1), Request(data=_LARGE)], ids=str)
def test_a_unary_call_is_answered(stub: Any, request_: Request) -> None:
    answer = stub.Unary(request_, timeout=_TIMEOUT_S)
    assert answer == Response(text=request_.text, data=request_.data, number=request_.count)


@pytest.mark.parametrize("count", [0, 1, 100])
def test_a_stream_comes_in_order(stub: Any, count: int) -> None:
    answers = stub.Spread(Request(text="a", count=count), timeout=_TIMEOUT_S)
    assert [each.number for each in answers] == list(range(count))


@pytest.mark.parametrize("count", [0, 1, 100])
def test_a_callers_stream_is_gathered(stub: Any, count: int) -> None:
    answer = stub.Gather(iter([Request(text=str(number)) for number in range(count)]), timeout=_TIMEOUT_S)
    assert answer == Response(text=",".join(map(str, range(count))), number=count)


def test_a_callers_stream_may_be_answered_before_its_end(stub: Any) -> None:
    talk = Talk(Request(wish="early"))
    assert stub.Gather(iter(talk), timeout=_TIMEOUT_S).text == "enough"
    talk.say(None)


def test_messages_go_back_and_forth(stub: Any) -> None:
    talk = Talk()
    answers = stub.Chat(iter(talk), timeout=_TIMEOUT_S)
    for size in (0, 1, 100_000):
        talk.say(Request(data=bytes(size)))
        assert next(answers) == Response(data=bytes(size))
    talk.say(None)
    assert list(answers) == []
    assert answers.code() is grpc.StatusCode.OK


def test_large_messages_stream_both_ways(stub: Any) -> None:
    sent = [Request(data=_LARGE) for _ in range(5)]
    assert [each.data for each in stub.Chat(iter(sent), timeout=_TIMEOUT_S)] == [_LARGE] * 5


def test_metadata_goes_both_ways(stub: Any) -> None:
    sent = (("x-text", "a b,c"), ("x-twice", "1"), ("x-twice", "2"), ("x-some-bin", b"\x00\xff,"))
    _, call = stub.Unary.with_call(Request(wish="greet"), metadata=sent, timeout=_TIMEOUT_S)
    assert pairs(call.initial_metadata()) == pairs(sent)
    _, call = stub.Unary.with_call(Request(wish="trail"), metadata=sent, timeout=_TIMEOUT_S)
    assert pairs(call.trailing_metadata()) == pairs(sent)
    assert pairs(call.initial_metadata()) == []


def test_trailing_metadata_follows_a_stream(stub: Any) -> None:
    answers = stub.Spread(Request(wish="trail", count=2), metadata=[("x-a", "b")], timeout=_TIMEOUT_S)
    assert len(list(answers)) == 2
    assert pairs(answers.trailing_metadata()) == [("x-a", "b")]


@pytest.mark.parametrize("details", ["", "plain", _SPECIAL])
def test_a_handlers_status_arrives(stub: Any, details: str) -> None:
    error = refused(stub.Unary, Request(wish="set", text=details))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, details)
    error = refused(stub.Unary, Request(wish="abort", text=details))
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, details)


def test_a_stream_may_end_with_a_status(stub: Any) -> None:
    answers = stub.Spread(Request(wish="abort", count=2, text="so far"), timeout=_TIMEOUT_S)
    assert [next(answers).number, next(answers).number] == [0, 1]
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.ABORTED, "so far")


def test_a_rich_status_arrives(stub: Any) -> None:
    error = refused(stub.Unary, Request(wish="rich"))
    assert (error.code(), error.details()) == (grpc.StatusCode.OUT_OF_RANGE, "rich")
    trailing = dict(error.trailing_metadata())
    assert (trailing["grpc-status-details-bin"], trailing["x-more"]) == (b"\x08\x0b\xff", "y")


def test_what_a_handler_raises_is_told(stub: Any) -> None:
    for call in (stub.Unary, stub.Spread):
        error = refused(call, Request(wish="fail", text="no luck"))
        assert error.code() is grpc.StatusCode.UNKNOWN
        assert "no luck" in error.details()
    error = refused(stub.Unary, Request(wish="fail with a code", text="no luck"))
    assert error.code() is grpc.StatusCode.DATA_LOSS
    assert "no luck" in error.details()


def test_a_response_of_the_wrong_type_fails_the_call(stub: Any) -> None:
    error = refused(stub.Unary, Request(wish="wrong type"))
    assert error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


@pytest.mark.parametrize(
    "path", ["/conformance.Conformance/Missing", "/conformance.Nothing/Unary", "/conformance.Conformance"]
)
def test_what_is_not_served_is_unimplemented(channel: grpc.Channel, path: str) -> None:
    assert refused(channel.unary_unary(path), b"").code() is grpc.StatusCode.UNIMPLEMENTED
    assert refused(channel.stream_stream(path), iter([b"", b""])).code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_method_that_nobody_wrote_is_unimplemented(stub: Any) -> None:
    assert refused(stub.Unwritten, Request()).code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_message_that_does_not_parse_fails_the_call(channel: grpc.Channel) -> None:
    for call in (channel.unary_unary, channel.unary_stream):
        error = refused(
            call("/conformance.Conformance/" + ("Unary" if call == channel.unary_unary else "Spread")), b"\xff"
        )
        assert error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


@pytest.mark.parametrize("algorithm", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_messages_are_compressed_either_way(stub: Any, algorithm: grpc.Compression) -> None:
    request = Request(wish="compress", data=_LARGE)
    assert stub.Unary(request, compression=algorithm, timeout=_TIMEOUT_S).data == _LARGE
    assert [each.data for each in stub.Chat(iter([request]), compression=algorithm, timeout=_TIMEOUT_S)] == [_LARGE]


def test_a_deadline_ends_a_call_that_waits(heard: tuple[Heard, Any]) -> None:
    noticed, stub = heard
    with pytest.raises(grpc.RpcError) as caught:
        stub.Unary(Request(wish="wait"), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert noticed.begun.acquire(timeout=_TIMEOUT_S)
    assert noticed.left.acquire(timeout=_TIMEOUT_S)


@pytest.mark.parametrize("answers_first", [0, 1])
def test_a_handler_hears_that_its_caller_has_left(heard: tuple[Heard, Any], answers_first: int) -> None:
    noticed, stub = heard
    call = stub.Spread(Request(wish="wait", count=answers_first), timeout=_TIMEOUT_S)
    for _ in range(answers_first):
        next(call)
    assert noticed.begun.acquire(timeout=_TIMEOUT_S)
    call.cancel()
    assert noticed.left.acquire(timeout=_TIMEOUT_S)
    assert call.code() is grpc.StatusCode.CANCELLED


def test_a_caller_who_does_not_read_slows_its_handler_down(heard: tuple[Heard, Any]) -> None:
    noticed, stub = heard
    call = stub.Spread(Request(data=bytes(100_000), count=10_000), timeout=_TIMEOUT_S)
    next(call)
    call.cancel()
    assert noticed.sent < 10_000


def test_a_server_is_well_after_calls_that_ended_early(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Unary(Request(wish="wait"), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    call = stub.Spread(Request(count=10_000, data=bytes(100_000)), timeout=_TIMEOUT_S)
    next(call)
    call.cancel()
    assert call.code() is grpc.StatusCode.CANCELLED
    assert stub.Unary(Request(text="well"), timeout=_TIMEOUT_S).text == "well"


def test_contexts_tell_of_their_callers(stub: Any) -> None:
    assert stub.Unary(Request(wish="tell")).text == "ipv4 b'insecure' None no deadline"
    assert stub.Unary(Request(wish="tell"), timeout=_TIMEOUT_S).text == "ipv4 b'insecure' None a deadline"


def test_many_calls_run_at_once(stub: Any) -> None:
    calls = [stub.Unary.future(Request(count=number), timeout=_TIMEOUT_S) for number in range(500)]
    assert [each.result().number for each in calls] == list(range(500))
