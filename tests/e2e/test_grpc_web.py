"""gRPC-Web, as a browser's library sends it over HTTP/1.1; the same messages and statuses as over gRPC."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.conformance import Place, serving
from support.conformance_pb2 import Request, Response
from support.http import Reply, post, request
from support.waiting import metric, until
from support.web import frame, grpc_web, read_grpc_web

from salver.client import messages

_SERVICE = "/conformance.Conformance/"


@pytest.fixture(scope="module")
def own() -> Iterator[Place]:
    with serving("salver") as place:
        yield place


@pytest.fixture(params=[False, True], ids=["binary", "text"])
def text(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("data", [b"", b"a", bytes(range(256)) * 1000], ids=len)
def test_a_unary_call_is_answered(own: Place, text: bool, data: bytes) -> None:
    told = grpc_web(own.target, _SERVICE + "Unary", Request(text="a", data=data).SerializeToString(), text=text)
    [message] = told.messages
    assert Response.FromString(message) == Response(text="a", data=data)
    kind = "application/grpc-web-text+proto" if text else "application/grpc-web+proto"
    assert (told.reply.status, told.reply.headers["content-type"]) == (200, kind)
    assert told.end["grpc-status"] == "0"


def test_a_stream_comes_in_order(own: Place, text: bool) -> None:
    told = grpc_web(own.target, _SERVICE + "Spread", Request(count=100).SerializeToString(), text=text)
    assert [Response.FromString(message).number for message in told.messages] == list(range(100))
    assert told.end["grpc-status"] == "0"


def test_a_callers_stream_is_gathered(own: Place, text: bool) -> None:
    sent = [Request(text=each).SerializeToString() for each in "abc"]
    told = grpc_web(own.target, _SERVICE + "Gather", *sent, text=text)
    assert Response.FromString(told.messages[0]).text == "a,b,c"


def test_an_error_is_told_in_headers_or_trailers(own: Place, text: bool) -> None:
    sent = Request(wish="abort", text="not \N{PILE OF POO}", count=2).SerializeToString()
    for method, messages_ in (("Unary", 0), ("Spread", 2)):
        told = grpc_web(own.target, _SERVICE + method, sent, text=text)
        assert len(told.messages) == messages_
        assert told.end["grpc-status"] == {"Unary": "9", "Spread": "10"}[method]
        assert told.end["grpc-message"] == "not %F0%9F%92%A9"


def test_metadata_goes_both_ways(own: Place) -> None:
    headers = {"x-plain": "a b", "x-data-bin": "AQI="}
    sent = Request(wish="trail").SerializeToString()
    told = grpc_web(own.target, _SERVICE + "Unary", sent, headers=headers)
    assert (told.end["x-plain"], told.end["x-data-bin"]) == ("a b", "AQI")
    told = grpc_web(own.target, _SERVICE + "Unary", Request(wish="greet").SerializeToString(), headers=headers)
    assert (told.reply.headers["x-plain"], told.reply.headers["x-data-bin"]) == ("a b", "AQI")


def test_a_time_out_is_kept() -> None:
    sent = Request(wish="wait").SerializeToString()
    with serving("salver") as place:
        told = grpc_web(place.target, _SERVICE + "Unary", sent, headers={"grpc-timeout": "100m"})
    assert told.end["grpc-status"] == "4"


def test_a_caller_who_leaves_is_noticed() -> None:
    with serving("salver") as place:
        body = frame(Request(wish="wait").SerializeToString())
        with socket.create_connection(("127.0.0.1", place.port), timeout=20) as caller:
            head = f"POST {_SERVICE}Unary HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web\r\n"
            caller.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            assert place.heard.begun.acquire(timeout=20)
        assert place.heard.left.acquire(timeout=20)


def test_models_are_reached_by_it_too(address: str, text: bool) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2]}
    raw = b"\0\0\x80\x3f\0\0\0\x40"
    sent = messages.ModelInferRequest(model_name="scaled", inputs=[tensor], raw_input_contents=[raw])
    told = grpc_web(address, "/inference.GRPCInferenceService/ModelInfer", sent.SerializeToString(), text=text)
    [output] = messages.ModelInferResponse.FromString(told.messages[0]).raw_output_contents
    assert output == b"\0\0\0\x40\0\0\x80\x40"


def test_it_is_spoken_over_http_2_as_well(own: Place, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(frame(Request(text="two").SerializeToString()))
    command = ["curl", "-s", "--http2-prior-knowledge", f"http://{own.target}{_SERVICE}Unary", "-w", "%{http_version}"]
    command += ["-H", "content-type: application/grpc-web+proto", "--data-binary", f"@{tmp_path / 'sent'}"]
    ran = subprocess.run([*command, "-o", str(tmp_path / "told")], capture_output=True, check=True, timeout=30)
    assert ran.stdout == b"2"
    told = read_grpc_web(Reply(200, {}, (tmp_path / "told").read_bytes()))
    assert Response.FromString(told.messages[0]).text == "two"


def test_calls_are_counted_under_its_name(own: Place) -> None:
    labels = {"servable": "conformance.Conformance", "method": "Unary", "protocol": "grpc-web", "code": "OK"}

    def count() -> float:
        return metric(own.target, "salver_calls_total", **labels)

    grpc_web(own.target, _SERVICE + "Unary", b"")
    before = count()
    grpc_web(own.target, _SERVICE + "Unary", b"")
    until(lambda: count() == before + 1)


@pytest.mark.parametrize(
    ("path", "body", "kind", "code", "told"),
    [
        ("Unary", b"", "grpc-web", "12", "takes exactly one message"),
        ("Unary", frame(b"")[:3], "grpc-web", "3", "ended before its message"),
        ("Unary", frame(b"abc")[:-1], "grpc-web", "3", "lacks 1 of its 3 bytes"),
        ("Unary", frame(b"", 7), "grpc-web", "3", "the flag 7"),
        ("Unary", frame(b"", 1), "grpc-web", "3", "no grpc-encoding"),
        ("Unary", frame(b"") * 2, "grpc-web", "3", "more than the one message"),
        ("Unary", b"\0\x7f\xff\xff\xff", "grpc-web", "8", "larger than max"),
        ("Unary", b"AAAAAA!=", "grpc-web-text", "3", "not base64"),
        ("Unary", b"AAAAAAA", "grpc-web-text", "3", "ends within a group"),
        ("Nowhere", frame(b""), "grpc-web", "12", "Method not found"),
    ],
)
def test_requests_that_are_none_are_refused(
    own: Place, path: str, body: bytes, kind: str, code: str, told: str
) -> None:
    refused = read_grpc_web(post(own.target, _SERVICE + path, body, {"Content-Type": f"application/{kind}"}))
    assert refused.end["grpc-status"] == code
    assert told in refused.end["grpc-message"].replace("%27", "'")


def test_other_formats_and_methods_are_refused_in_http(own: Place) -> None:
    reply = post(own.target, _SERVICE + "Unary", frame(b"{}"), {"Content-Type": "application/grpc-web+json"})
    assert (reply.status, reply.headers["accept-post"]) == (
        415,
        "application/grpc-web+proto, application/grpc-web-text+proto",
    )
    reply = request(own.target, "PUT", _SERVICE + "Unary", frame(b""), {"Content-Type": "application/grpc-web"})
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_a_refused_caller_who_is_still_sending_reads_why(own: Place) -> None:
    body = frame(bytes(8 << 20))
    refused = post(own.target, _SERVICE + "Nowhere", body, {"Content-Type": "application/grpc-web"})
    assert refused.headers["grpc-status"] == "12"
