"""The Connect protocol, as its libraries and curl send it: for a service of one's own, and for those built in."""

import base64
import gzip
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.conformance import Place, serving
from support.conformance_pb2 import Request, Response
from support.http import Reply, get, post, request
from support.waiting import metric, until
from support.web import END_OF_STREAM, connect_stream, frame

_SERVICE = "/conformance.Conformance/"
_VERSION = {"Connect-Protocol-Version": "1"}
_PROTO = {"Content-Type": "application/proto", **_VERSION}
_JSON = {"Content-Type": "application/json", **_VERSION}


@pytest.fixture(scope="module")
def own() -> Iterator[Place]:
    with serving("salver") as place:
        yield place


def unary(place: Place, body: bytes | object, headers: dict[str, str], method: str = "Unary") -> Reply:
    return post(place.target, _SERVICE + method, body, headers)


@pytest.mark.parametrize("data", [b"", b"a", bytes(range(256)) * 1000], ids=len)
def test_a_unary_call_is_a_plain_request(own: Place, data: bytes) -> None:
    sent = Request(text="a", data=data, count=3)
    reply = unary(own, sent.SerializeToString(), _PROTO)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/proto")
    assert Response.FromString(reply.body) == Response(text="a", data=data, number=3)
    reply = unary(own, {"text": "a", "data": base64.b64encode(data).decode(), "count": 3}, _JSON)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    wanted = {"text": "a", "data": base64.b64encode(data).decode(), "number": 3}
    assert reply.json == {name: value for name, value in wanted.items() if value}


def test_an_error_has_a_status_a_code_and_its_metadata(own: Place) -> None:
    for sent, headers in (({"wish": "rich"}, _JSON), (Request(wish="rich").SerializeToString(), _PROTO)):
        reply = unary(own, sent, headers)
        assert (reply.status, reply.headers["content-type"]) == (400, "application/json")
        assert reply.json == {"code": "out_of_range", "message": "rich"}
        assert reply.headers["trailer-x-more"] == "y"
    reply = unary(own, {"wish": "abort", "text": "not \N{PILE OF POO}"}, _JSON)
    assert (reply.status, reply.json) == (400, {"code": "failed_precondition", "message": "not \N{PILE OF POO}"})


def test_metadata_goes_both_ways(own: Place) -> None:
    own_headers = {"X-Plain": "a b", "X-Data-Bin": "AQI="}
    reply = unary(own, {"wish": "greet"}, _JSON | own_headers)
    assert (reply.headers["x-plain"], reply.headers["x-data-bin"]) == ("a b", "AQI")
    reply = unary(own, {"wish": "trail"}, _JSON | own_headers)
    assert (reply.headers["trailer-x-plain"], reply.headers["trailer-x-data-bin"]) == ("a b", "AQI")
    told = connect_stream(own.target, _SERVICE + "Spread", frame(b'{"wish": "trail"}'), "json", own_headers)
    assert told.end == {"metadata": {"x-plain": ["a b"], "x-data-bin": ["AQI"]}}


def test_bodies_may_be_compressed_both_ways(own: Place) -> None:
    text = "so much of it " * 1000
    for headers, sent in (
        (_PROTO, Request(text=text).SerializeToString()),
        (_JSON, json.dumps({"text": text}).encode()),
    ):
        named = headers | {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
        reply = unary(own, gzip.compress(sent), named)
        assert (reply.status, reply.headers["content-encoding"]) == (200, "gzip")
        plain = unary(own, sent, headers)
        assert "content-encoding" not in plain.headers
        assert gzip.decompress(reply.body) == plain.body


@pytest.mark.parametrize("kind", ["proto", "json"])
def test_streams_are_messages_with_a_last_one_that_tells_the_end(own: Place, kind: str) -> None:
    def message(**fields: Any) -> bytes:
        return json.dumps(fields).encode() if kind == "json" else Request(**fields).SerializeToString()

    def number(message: bytes) -> int:
        return int(json.loads(message).get("number", 0) if kind == "json" else Response.FromString(message).number)

    told = connect_stream(own.target, _SERVICE + "Spread", frame(message(count=100)), kind)
    assert (told.reply.status, told.reply.headers["content-type"]) == (200, f"application/connect+{kind}")
    assert [number(each) for each in told.messages] == list(range(100))
    assert told.end == {}
    told = connect_stream(own.target, _SERVICE + "Gather", b"".join(frame(message(text=each)) for each in "abc"), kind)
    assert [number(each) for each in told.messages] == [3]
    told = connect_stream(own.target, _SERVICE + "Spread", frame(message(count=2, wish="abort", text="no")), kind)
    assert [number(each) for each in told.messages] == [0, 1]
    assert told.end == {"error": {"code": "aborted", "message": "no"}}


@pytest.mark.parametrize("kind", ["proto", "json"])
def test_messages_of_a_stream_may_be_compressed(own: Place, kind: str) -> None:
    sent = b'{"text": "a", "count": 1}' if kind == "json" else Request(text="a", count=1).SerializeToString()
    headers = {"Connect-Content-Encoding": "gzip", "Connect-Accept-Encoding": "gzip"}
    body = frame(gzip.compress(sent), 1)
    told = connect_stream(own.target, _SERVICE + "Spread", body, kind, headers)
    assert (len(told.messages), told.end) == (1, {})


def test_a_method_that_streams_both_ways_needs_http_2(own: Place, tmp_path: Path) -> None:
    kind = "application/connect+json"
    reply = unary(own, frame(b"{}"), {"Content-Type": kind}, "Chat")
    assert (reply.status, b"HTTP/2" in reply.body) == (505, True)
    (tmp_path / "sent").write_bytes(frame(b'{"text": "a"}') + frame(b'{"text": "b"}'))
    command = ["curl", "-s", "--http2-prior-knowledge", f"http://{own.target}{_SERVICE}Chat", "-H"]
    command += [f"content-type: {kind}", "--data-binary", f"@{tmp_path / 'sent'}"]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=30)
    assert ran.stdout == frame(b'{"text":"a"}') + frame(b'{"text":"b"}') + frame(b"{}", END_OF_STREAM)


def test_a_time_out_is_kept() -> None:
    headers = {"Connect-Timeout-Ms": "100"}
    with serving("salver") as place:
        reply = unary(place, {"wish": "wait"}, _JSON | headers)
    assert (reply.status, reply.json["code"]) == (504, "deadline_exceeded")
    with serving("salver") as place:
        told = connect_stream(place.target, _SERVICE + "Spread", frame(b'{"wish": "wait"}'), "json", headers)
    assert told.end["error"]["code"] == "deadline_exceeded"


def test_a_caller_who_leaves_is_noticed() -> None:
    with serving("salver") as place:
        body = b'{"wish": "wait"}'
        head = f"POST {_SERVICE}Unary HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        head += f"connect-protocol-version: 1\r\ncontent-length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", place.port), timeout=20) as caller:
            caller.sendall(head.encode() + body)
            assert place.heard.begun.acquire(timeout=20)
        assert place.heard.left.acquire(timeout=20)


def test_what_only_reads_is_reached_by_get(address: str) -> None:
    path = "/inference.GRPCInferenceService/ModelMetadata?connect=v1&encoding="
    metadata = get(address, f"{path}json&message={quote(json.dumps({'name': 'scaled'}))}").json
    assert (metadata["name"], metadata["inputs"][0]["datatype"]) == ("scaled", "FP32")
    message = base64.urlsafe_b64encode(b"\x0a\x06scaled").decode().rstrip("=")
    reply = get(address, f"{path}proto&base64=1&message={message}")
    assert (reply.headers["content-type"], b"FP32" in reply.body) == ("application/proto", True)
    packed = base64.urlsafe_b64encode(gzip.compress(b"\x0a\x06scaled")).decode()
    assert get(address, f"{path}proto&base64=1&compression=gzip&message={packed}").body == reply.body
    reply = get(address, f"{path}json&message=%7B%22name%22%3A%22nowhere%22%7D")
    assert (reply.status, reply.json["code"]) == (400, "invalid_argument")
    assert "nowhere" in reply.json["message"]


def test_other_methods_are_not_reached_by_get(own: Place, address: str) -> None:
    for place, path in ((own.target, _SERVICE + "Unary"), (address, "/inference.GRPCInferenceService/ModelInfer")):
        reply = get(place, f"{path}?encoding=json&message=%7B%7D")
        assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_built_in_services_take_json(address: str) -> None:
    def ask(path: str, body: object) -> Any:
        return post(address, path, body, _JSON).json

    assert ask("/grpc.health.v1.Health/Check", {}) == {"status": "SERVING"}
    plain = post(address, "/grpc.health.v1.Health/Check", {}, {"Content-Type": "application/json"})
    assert plain.json == {"status": "SERVING"}
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2], "contents": {"fp32Contents": [1, 2]}}
    answer = ask("/inference.GRPCInferenceService/ModelInfer", {"modelName": "scaled", "inputs": [tensor]})
    assert base64.b64decode(answer["rawOutputContents"][0]) == b"\0\0\0\x40\0\0\x80\x40"
    sent = {"modelSpec": {"name": "scaled"}, "inputs": {"x": {"dtype": "DT_FLOAT", "floatVal": [1, 2]}}}
    sent["inputs"]["x"]["tensorShape"] = {"dim": [{"size": 1}, {"size": 2}]}
    answer = ask("/tensorflow.serving.PredictionService/Predict", sent)
    assert answer["outputs"]["y"]["floatVal"] == [2, 4]


def test_calls_are_counted_under_its_name(own: Place) -> None:
    labels = {"servable": "conformance.Conformance", "method": "Unary", "protocol": "connect", "code": "OK"}

    def count() -> float:
        return metric(own.target, "salver_calls_total", **labels)

    unary(own, {}, _JSON)
    before = count()
    unary(own, {}, _JSON)
    until(lambda: count() == before + 1)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "told"),
    [
        (b"", _JSON, 400, "invalid_argument", "EOF while parsing"),
        (b'{"nothing": 1}', _JSON, 400, "invalid_argument", "nothing"),
        (b'{"count": "many"}', _JSON, 400, "invalid_argument", "count"),
        (b'{"text": 1}{', _JSON, 400, "invalid_argument", "text"),
        (b"\xff\xfe", _JSON, 400, "invalid_argument", "UTF-8"),
        (b"{}", _JSON | {"Content-Encoding": "gzip"}, 400, "invalid_argument", "not gzip"),
        (b"{}", _JSON | {"Content-Encoding": "br"}, 501, "unimplemented", "'br'"),
        (b"{}", _JSON | {"Connect-Timeout-Ms": "soon"}, 400, "invalid_argument", "'soon'"),
        (b"{}", _JSON | {"Connect-Protocol-Version": "2"}, 400, "invalid_argument", "'2'"),
        (b"\xff", _PROTO, 500, "internal", ""),
    ],
)
def test_requests_that_are_none_are_refused(
    own: Place, body: bytes, headers: dict[str, str], status: int, code: str, told: str
) -> None:
    reply = unary(own, body, headers)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert told in reply.json["message"]


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (frame(b"{")[:-1], "invalid_argument", "lacks 1 of its 1 bytes"),
        (b"\0\0", "invalid_argument", "ended before its message"),
        (frame(b"{}", 2), "invalid_argument", "the flag 2"),
        (frame(b"{}", 1), "invalid_argument", "no grpc-encoding"),
        (frame(b'{"nothing": 1}'), "invalid_argument", "nothing"),
        (b"\0\x7f\xff\xff\xff", "invalid_argument", "more than the limit"),
    ],
)
def test_streams_that_are_none_end_with_an_error(own: Place, body: bytes, code: str, told: str) -> None:
    refused = connect_stream(own.target, _SERVICE + "Gather", body, "json")
    assert refused.end["error"]["code"] == code
    assert told in refused.end["error"]["message"]


def test_unknown_methods_are_unimplemented(own: Place) -> None:
    for headers in (_PROTO, _JSON):
        reply = unary(own, b"{}", headers, "Nowhere")
        assert (reply.status, reply.json["code"]) == (501, "unimplemented")
    assert connect_stream(own.target, _SERVICE + "Nowhere", b"").end["error"]["code"] == "unimplemented"


@pytest.mark.parametrize(
    ("method", "kind", "taken"),
    [
        ("Unary", "application/connect+json", "application/proto, application/json"),
        ("Spread", "application/proto", "application/connect+proto, application/connect+json"),
        ("Unary", "application/connect+xml", "application/proto, application/json, "),
        ("Unary", "text/plain", "application/proto, application/json, "),
    ],
)
def test_other_formats_are_refused_in_http(own: Place, method: str, kind: str, taken: str) -> None:
    reply = unary(own, b"{}", {"Content-Type": kind, **_VERSION}, method)
    assert reply.status == 415
    assert reply.headers["accept-post"].startswith(taken)


def test_other_methods_are_refused_in_http(own: Place) -> None:
    for kind in ("application/proto", "application/connect+proto"):
        reply = request(own.target, "PUT", _SERVICE + "Unary", b"", {"Content-Type": kind})
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
