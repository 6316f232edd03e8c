"""What handlers do with their contexts beside what clients see."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc import aio
from support.conformance import OWN, Heard, Place, serving
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer, ConformanceStub, add_ConformanceServicer_to_server
from support.waiting import until

_TIMEOUT_S = 20.0


class Talker(ConformanceServicer):
    """Runs what the test gives it, and notes how that ended."""

    def __init__(self) -> None:
        self.run: Any = None
        self.ended: list[object] = []

    def Unary(self, request: Request, context: Any) -> Any:  # noqa: N802
        return self._noted(lambda: self.run(request, context))

    def Spread(self, request: Request, context: Any) -> Any:  # noqa: N802
        return self.run(request, context)

    def Gather(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        return self._noted(lambda: self.run(request_iterator, context))

    def _noted(self, run: Any) -> Any:
        try:
            result = run()
        except BaseException as error:
            self.ended.append(error)
            raise
        self.ended.append(result)
        return result


class AsyncTalker(Talker):
    async def Unary(self, request: Request, context: Any) -> Any:  # noqa: N802
        try:
            return await self.run(request, context)
        except BaseException as error:
            self.ended.append(error)
            raise


@pytest.fixture
def talking() -> Iterator[tuple[Talker, Any, Place]]:
    yield from _talking("salver", Talker())


@pytest.fixture
def async_talking() -> Iterator[tuple[Talker, Any, Place]]:
    yield from _talking("salver aio", AsyncTalker())


def _talking(kind: str, servicer: Talker) -> Iterator[tuple[Talker, Any, Place]]:
    def register(server: Any, _: Heard) -> None:
        add_ConformanceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]

    with serving(kind, register) as place, grpc.insecure_channel(place.target) as channel:
        yield servicer, ConformanceStub(channel), place  # type: ignore[no-untyped-call]


def test_a_failure_is_logged_once_with_its_traceback(talking: Any, caplog: pytest.LogCaptureFixture) -> None:
    servicer, stub, _ = talking

    def run(request: Request, context: Any) -> None:
        raise KeyError("lost")

    servicer.run = run
    with pytest.raises(grpc.RpcError, match="Exception calling application: 'lost'"):
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.text.count("Traceback") == 1


def test_an_abort_is_no_failure_to_be_logged(talking: Any, caplog: pytest.LogCaptureFixture) -> None:
    servicer, stub, _ = talking
    servicer.run = lambda _, context: context.abort(grpc.StatusCode.ABORTED, "enough")
    with pytest.raises(grpc.RpcError, match="enough"):
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert caplog.records == []


class Mute(Exception):
    def __str__(self) -> str:
        raise KeyError


def fail(_: Any) -> None:
    raise ValueError("no file \udcff")


def fail_mutely(_: Any) -> None:
    raise Mute


def refuse(context: Any) -> None:
    context.set_code(grpc.StatusCode.NOT_FOUND)
    context.set_details("no file \udcff")


def refuse_by_abort(context: Any) -> Any:
    return context.abort(grpc.StatusCode.NOT_FOUND, "no file \udcff")


@pytest.mark.parametrize("kind", ["talking", "async_talking"])
@pytest.mark.parametrize(
    ("act", "code", "said"),
    [
        (fail, grpc.StatusCode.UNKNOWN, r"no file \udcff"),
        (fail_mutely, grpc.StatusCode.UNKNOWN, "unprintable"),
        (refuse, grpc.StatusCode.NOT_FOUND, r"no file \udcff"),
        (refuse_by_abort, grpc.StatusCode.NOT_FOUND, r"no file \udcff"),
    ],
)
def test_a_text_that_utf_8_has_no_form_for_is_told_all_the_same(
    request: pytest.FixtureRequest, kind: str, act: Any, code: grpc.StatusCode, said: str
) -> None:
    servicer, stub, _ = request.getfixturevalue(kind)

    async def later(_: Request, context: Any) -> Response:
        if (ending := act(context)) is not None:
            await ending
        return Response()

    servicer.run = later if kind == "async_talking" else lambda _, context: act(context) or Response()
    with pytest.raises(grpc.RpcError) as caught:
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert caught.value.code() is code
    assert said in caught.value.details()


@pytest.mark.parametrize(
    ("responses", "said"),
    [
        (lambda _, __: ["no iterator"], "Exception iterating responses: 'list' object is not an iterator"),
        (lambda _, __: iter(["no message"]), "Failed to serialize response!"),
        (lambda _, __: None, "Exception iterating responses: 'NoneType' object is not an iterator"),
    ],
)
def test_what_is_no_stream_of_responses_fails_the_call(talking: Any, responses: Any, said: str) -> None:
    servicer, stub, _ = talking
    servicer.run = responses
    with pytest.raises(grpc.RpcError, match=said):
        list(stub.Spread(Request(), timeout=_TIMEOUT_S))


def test_metadata_that_cannot_be_sent_fails_the_call(talking: Any, caplog: pytest.LogCaptureFixture) -> None:
    servicer, stub, _ = talking

    def run(request: Request, context: Any) -> Response:
        context.set_trailing_metadata([("No Key", "x")])
        return Response()

    servicer.run = run
    with pytest.raises(grpc.RpcError, match="'No Key' is no metadata key"):
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert "Exception sending the status!" in caplog.text


def test_initial_metadata_is_sent_once(talking: Any) -> None:
    servicer, stub, _ = talking

    def run(request: Request, context: Any) -> Response:
        context.send_initial_metadata([("x-a", "1")])
        context.send_initial_metadata([("x-a", "2")])
        return Response()

    servicer.run = run
    with pytest.raises(grpc.RpcError, match="Initial metadata no longer allowed!"):
        stub.Unary(Request(), timeout=_TIMEOUT_S)


def test_a_stream_whose_caller_has_left_is_closed(talking: Any) -> None:
    servicer, stub, _ = talking
    closed = threading.Event()

    def run(request: Request, context: Any) -> Iterator[Response]:
        try:
            while True:
                yield Response(data=bytes(10_000))
        finally:
            closed.set()

    servicer.run = run
    call = stub.Spread(Request(), timeout=_TIMEOUT_S)
    next(call)
    call.cancel()
    assert closed.wait(_TIMEOUT_S)


def test_a_handler_that_reads_from_a_caller_who_has_left_is_ended_quietly(
    talking: Any, caplog: pytest.LogCaptureFixture
) -> None:
    servicer, stub, _ = talking
    begun = threading.Event()
    seen: list[bool] = []

    def run(requests: Iterator[Request], context: Any) -> Response:
        next(requests)
        begun.set()
        try:
            return next(requests)  # type: ignore[return-value]
        finally:
            seen.append(context.is_active())
            seen.append(context.add_callback(print))

    servicer.run = run
    release = threading.Event()

    def messages() -> Iterator[Request]:
        yield Request()
        release.wait(_TIMEOUT_S)

    call = stub.Gather.future(messages(), timeout=_TIMEOUT_S)
    assert begun.wait(_TIMEOUT_S)
    call.cancel()
    until(lambda: servicer.ended)
    release.set()
    assert isinstance(servicer.ended[0], grpc.RpcError)
    assert seen == [False, False]
    assert caplog.records == []


def test_a_handler_may_cancel_its_call(talking: Any) -> None:
    servicer, stub, _ = talking

    def run(request: Request, context: Any) -> Response:
        context.cancel()
        return Response()

    servicer.run = run
    with pytest.raises(grpc.RpcError) as caught:
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.CANCELLED


def test_a_context_gives_back_what_was_set(talking: Any) -> None:
    servicer, stub, _ = talking
    seen: list[object] = []

    def run(request: Request, context: Any) -> Response:
        seen.extend([context.code(), context.details(), context.trailing_metadata()])
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details("x")
        context.set_trailing_metadata([("a", "b")])
        seen.extend([context.code(), context.details(), context.trailing_metadata()])
        return Response()

    servicer.run = run
    with pytest.raises(grpc.RpcError):
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert seen == [None, None, None, grpc.StatusCode.NOT_FOUND, b"x", [("a", "b")]]


def test_after_an_abort_a_coroutine_can_do_nothing_more(async_talking: Any, caplog: pytest.LogCaptureFixture) -> None:
    servicer, stub, _ = async_talking

    async def run(request: Request, context: Any) -> Response:
        try:
            await context.abort(grpc.StatusCode.ABORTED, "enough")
        except aio.AbortError:
            with pytest.raises(aio.UsageError, match="Abort already called!"):
                await context.abort(grpc.StatusCode.ABORTED)
        return Response()

    servicer.run = run
    with pytest.raises(grpc.RpcError, match="enough"):
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    until(lambda: caplog.records == [])


def test_a_coroutine_cannot_abort_with_success(async_talking: Any, caplog: pytest.LogCaptureFixture) -> None:
    servicer, stub, _ = async_talking
    servicer.run = lambda _, context: context.abort(grpc.StatusCode.OK, "all is well")
    with pytest.raises(grpc.RpcError) as caught:
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.UNKNOWN
    assert "abort() called with StatusCode.OK" in caplog.text


def test_a_coroutine_that_answers_by_one_message_cannot_write_others(async_talking: Any) -> None:
    servicer, stub, _ = async_talking

    async def run(request: Request, context: Any) -> Response:
        await context.write(Response())
        return Response()

    servicer.run = run
    with pytest.raises(grpc.RpcError, match="answers by one message returns it"):
        stub.Unary(Request(), timeout=_TIMEOUT_S)


def test_a_coroutine_is_told_by_its_callbacks_that_its_call_is_over(async_talking: Any) -> None:
    servicer, stub, _ = async_talking
    done: list[bool] = []

    async def run(request: Request, context: Any) -> Response:
        context.add_done_callback(lambda context: done.append(context.done()))
        assert not context.done()
        return Response(text=str(context.cancelled()))

    servicer.run = run
    assert stub.Unary(Request(), timeout=_TIMEOUT_S).text == "False"
    until(lambda: done == [True])


def test_what_a_coroutine_raises_is_logged_once(async_talking: Any, caplog: pytest.LogCaptureFixture) -> None:
    servicer, stub, _ = async_talking

    async def run(request: Request, context: Any) -> Response:
        await asyncio.sleep(0)
        raise KeyError("lost")

    servicer.run = run
    with pytest.raises(grpc.RpcError, match="Unexpected <class 'KeyError'>: 'lost'"):
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert caplog.text.count("Traceback") == 1


@pytest.mark.parametrize("kind", OWN)
def test_responses_are_compressed_as_the_server_was_told(kind: str) -> None:
    with serving(kind, compression=grpc.Compression.Gzip) as place, grpc.insecure_channel(place.target) as channel:
        stub = ConformanceStub(channel)  # type: ignore[no-untyped-call]
        assert stub.Unary(Request(data=bytes(100_000)), timeout=_TIMEOUT_S).data == bytes(100_000)
