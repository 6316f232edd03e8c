"""A servable's own services, by real clients of gRPC without generated code."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from support.http import get, post

import salver
from salver.client import CallFailed, Client, Retry, ServiceClient
from salver.client.rich import Detail
from salver.testing.server import Server, running

SERVED = Path(__file__).with_name("served")
FACES: Any = salver.proto(str(SERVED / "faces" / "faces.proto"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(SERVED) as server:
        yield server


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


@pytest.fixture
def inference(channel: grpc.Channel) -> Any:
    return FACES.stub("Inference", channel)


@pytest.fixture
def maths(channel: grpc.Channel) -> Any:
    return FACES.stub("Maths", channel)


@pytest.fixture
def handlers(channel: grpc.Channel) -> Any:
    return FACES.stub("Handlers", channel)


def refusal(call: Any, *arguments: Any, **keywords: Any) -> Any:
    with pytest.raises(grpc.RpcError) as refused:
        _whole(call(*arguments, timeout=30, **keywords))
    return refused.value


def _whole(answer: Any) -> list[Any]:
    return list(answer) if isinstance(answer, Iterator) else [answer]


def test_fields_are_inputs_and_a_document_is_the_reply(inference: Any) -> None:
    image = FACES.Image(raw_data=b"abc", image_id="7")
    reply = inference.Predict(image, metadata=[("x-y", "9")], timeout=30)
    assert reply == FACES.Faces(image_id="7", points=[{"x": 3, "y": 9}])


def test_what_the_code_refuses_is_the_callers_fault(inference: Any) -> None:
    error = refusal(inference.Predict, FACES.Image(image_id="7"))
    assert (error.code(), "there is no picture" in error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_an_rpc_that_nothing_serves_is_not_implemented(inference: Any) -> None:
    assert refusal(inference.Unserved, FACES.Image()).code() is grpc.StatusCode.UNIMPLEMENTED


def test_messages_that_do_not_parse_are_refused(channel: grpc.Channel) -> None:
    for rpc in ("Inference/Predict", "Handlers/Ask"):
        call = channel.unary_unary(f"/faces.{rpc}")
        assert refusal(call, b"\xff\xff\xff").code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)
        assert refusal(channel.unary_unary(f"/faces.{rpc}s"), b"").code() is grpc.StatusCode.UNIMPLEMENTED


def test_repeated_numbers_are_tensors_and_what_is_left_out_has_its_default(maths: Any) -> None:
    reply = maths.Scale(FACES.Numbers(values=[1, 2, 3]), timeout=30)
    assert list(reply.values) == [2, 4, 6]
    assert list(maths.Scale(FACES.Numbers(values=[1, 2], factor=10), timeout=30).values) == [10, 20]


def test_calls_of_all_protocols_are_rows_of_one_batch(maths: Any, server: Server) -> None:
    """The function waits for two rows; one comes by the service and one by KServe."""
    with ThreadPoolExecutor(1) as pool, Client(server.address) as client:
        own = pool.submit(maths.Scale, FACES.Numbers(values=[1, 2], factor=3), timeout=30)
        inputs = {"values": np.array([[5, 6]], np.float32), "factor": np.array([3], np.float64)}
        other = client.infer("faces", inputs, method="scale", timeout=30)
        assert (own.result(30).rows, other["rows"].tolist()) == (2, [2])
        assert list(own.result().values) == [3, 6]


def test_a_tensor_of_any_shape_says_it(maths: Any) -> None:
    turn = FACES.Turn(tensor={"shape": [2, 3], "values": range(6)})
    assert maths.Transpose(turn, timeout=30).tensor == FACES.Tensor(shape=[3, 2], values=[0, 3, 1, 4, 2, 5])
    wrong = FACES.Turn(tensor={"shape": [2, 2], "values": range(6)})
    assert refusal(maths.Transpose, wrong).code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_generator_is_a_stream(maths: Any) -> None:
    replies = maths.Count(FACES.Question(text="no", count=100), timeout=30)
    assert [reply.text for reply in replies] == [f"no {number}" for number in range(100)]
    assert list(maths.Count(FACES.Question(), timeout=30)) == []


def test_a_handler_has_the_message_and_the_words_of_grpc(handlers: Any) -> None:
    reply, call = handlers.Ask.with_call(FACES.Question(text="who"), timeout=30)
    assert reply.text == "who!"
    assert ("x-first", "hello") in call.initial_metadata()
    assert {("x-last", "who"), ("x-last-bin", b"\x00\xff")} <= set(call.trailing_metadata())
    metadata = [("x-own", "a"), ("x-own-bin", b"\x01\xfe")]
    told = handlers.Ask(FACES.Question(text="metadata"), metadata=metadata, timeout=30)
    assert told.text == repr(["a", b"\x01\xfe"])
    assert handlers.Ask(FACES.Question(text="deadline"), timeout=30).text == "True"
    assert handlers.AskLater(FACES.Question(text="who"), timeout=30).text == "who, later"


@pytest.mark.parametrize(
    ("rpc", "text", "code", "details"),
    [
        ("Ask", "abort", "NOT_FOUND", "nothing: ä\n%"),
        ("Ask", "code", "FAILED_PRECONDITION", "not like this"),
        ("Ask", "raise", "INTERNAL", "it broke"),
        ("Ask", "text for bytes", "INTERNAL", "metadata 'x-bin' is str"),
        ("Ask", "a line break", "INTERNAL", "metadata 'x-a' is 'line\\nbreak', which is not printable ASCII"),
        ("Ask", "a key of grpc", "INTERNAL", "the metadata key 'grpc-status' is gRPC's own; choose another"),
        ("Ask", "no pairs", "INTERNAL", "['x-a'] is no metadata: give pairs"),
        ("Ask", "half a character", "NOT_FOUND", "no file \\udcff"),
        ("Ask", "bytes", "FAILED_PRECONDITION", "not like this"),
        ("Ask", "no details", "INTERNAL", "7 is no text for a status: give a str ("),
        ("Ask", "no code", "INTERNAL", "-5 is no status: give one of grpc.StatusCode, or its number ("),
        ("Ask", "no code either", "INTERNAL", "'NOT_FOUND' is no status"),
        ("Ask", "wrong", "INTERNAL", "Ask() gave a dict, but its rpc answers by a faces.Answer"),
        ("AskLater", "abort", "NOT_FOUND", "nothing"),
        ("Tell", "abort", "OUT_OF_RANGE", "no more"),
    ],
)
def test_how_a_handler_ends_a_call_is_told(handlers: Any, rpc: str, text: str, code: str, details: str) -> None:
    error = refusal(getattr(handlers, rpc), FACES.Question(text=text))
    assert error.code() in (grpc.StatusCode[code], grpc.StatusCode.UNKNOWN if code == "INTERNAL" else None)
    assert details in error.details()


def test_a_handlers_mistake_is_told_with_the_handler_and_the_line(handlers: Any) -> None:
    told = refusal(handlers.Ask, FACES.Question(text="a line break")).details()
    lines = (SERVED / "faces" / "servable.py").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "line\\nbreak" in text)
    assert "Handlers.Ask" in told
    assert f"servable.py:{line})" in told


def test_a_failed_call_has_its_trailers(handlers: Any) -> None:
    error = refusal(handlers.Ask, FACES.Question(text="abort"))
    assert {("x-last", "abort"), ("x-last-bin", b"\x00\xff")} <= set(error.trailing_metadata())


def test_a_rich_status_reaches_clients_of_grpc_and_of_json(server: Server) -> None:
    with ServiceClient(FACES, "HandlersStub", server.address) as client, pytest.raises(CallFailed) as failure:
        client.Ask(FACES.Question(text="rich"))
    assert failure.value.rich == (Detail("faces.Answer", b"x"),)
    reply = post(server.address, "/faces.Handlers/Ask", {"text": "rich"})
    assert (reply.status, reply.json["code"], reply.json["message"]) == (404, 5, "no face")
    assert len(reply.json["details"]) == 1


def test_a_handler_streams(handlers: Any) -> None:
    call = handlers.Tell(FACES.Question(text="say", count=3), timeout=30)
    assert ("x-first", "hello") in call.initial_metadata()
    assert [reply.text for reply in call] == ["say 0", "say 1", "say 2"]
    assert ("x-last", "bye") in call.trailing_metadata()
    later = handlers.TellLater(FACES.Question(text="say", count=3), timeout=30)
    assert [reply.text for reply in later] == ["say 0", "say 1", "say 2"]


def test_messages_before_an_abort_arrive(handlers: Any) -> None:
    call = handlers.Tell(FACES.Question(text="abort", count=2), timeout=30)
    assert [next(call).text, next(call).text] == ["abort 0", "abort 1"]
    with pytest.raises(grpc.RpcError, match="no more"):
        next(call)


def test_many_callers_at_once_get_their_own_answers(server: Server) -> None:
    with ServiceClient(FACES, "HandlersStub", server.address, timeout=50) as client, ThreadPoolExecutor(16) as pool:
        texts = [str(number) for number in range(200)]
        replies = pool.map(lambda text: client.Ask(FACES.Question(text=text)).text, texts)
        assert list(replies) == [f"{text}!" for text in texts]


def test_a_caller_who_leaves_a_stream_leaves_room(handlers: Any) -> None:
    for _ in range(20):
        call = handlers.Tell(FACES.Question(text="say", count=1_000_000))
        next(call)
        call.cancel()
    assert handlers.Ask(FACES.Question(text="who"), timeout=30).text == "who!"


def test_who_waits_for_a_worker_that_dies_is_told_at_once_and_may_try_again() -> None:
    retry = Retry(attempts=20, first_s=0.05, longest_s=0.5)
    with (
        running(SERVED) as server,
        ServiceClient(FACES, "HandlersStub", server.address, timeout=50, retry=retry) as client,
    ):
        with pytest.raises(CallFailed) as failure:
            client.Ask(FACES.Question(text="crash"), idempotent=False)
        assert (failure.value.code(), failure.value.attempts) == (grpc.StatusCode.UNAVAILABLE, 1)
        assert client.Ask(FACES.Question(text="who")).text == "who!"


def test_handlers_are_hidden_from_other_protocols(server: Server) -> None:
    [servable] = get(server.address, "/servables").json["servables"]
    [version] = servable["versions"]
    assert [each["name"] for each in version["methods"]] == ["predict", "scale", "transpose", "count"]
    assert post(server.address, "/servables/faces/transpose", {"tensor": [[1, 2]]}).json["output"] == [[1], [2]]
