"""Users' own services by plain HTTP and JSON: without a client library, and by routes of google.api.http."""

import gzip
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from support.conformance import Place, serving
from support.http import Reply, get, post, request
from support.waiting import metric, until

import salver
from salver.testing.server import Server, running

_SERVICE = "/conformance.Conformance/"
_JSON = {"Content-Type": "application/json"}
_EVENTS = {"Accept": "text/event-stream"}
ROUTED = Path(__file__).with_name("routed")


@pytest.fixture(scope="module")
def own() -> Iterator[Place]:
    with serving("salver") as place:
        yield place


@pytest.fixture(scope="module")
def routed() -> Iterator[Server]:
    with running(ROUTED / "servable.py") as server:
        yield server


def call(place: Place, method: str, body: object, headers: dict[str, str] | None = None) -> Reply:
    return post(place.target, _SERVICE + method, body, headers or _JSON)


def lines(reply: Reply) -> list[Any]:
    return [json.loads(line) for line in reply.body.splitlines()]


def test_a_call_is_a_document_there_and_one_back(own: Place) -> None:
    reply = call(own, "Unary", {"text": "ä", "data": "AAE=", "count": 3})
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json == {"text": "ä", "data": "AAE=", "number": 3}
    assert call(own, "Unary", b"").json == {}
    assert call(own, "Unary", b'{"text": "plain curl"}', {"Content-Type": "text/plain"}).json == {"text": "plain curl"}


def test_an_error_has_an_http_status_and_is_one_of_google_rpc(own: Place) -> None:
    reply = call(own, "Unary", {"wish": "abort", "text": "not ä"})
    assert (reply.status, reply.json) == (400, {"code": 9, "message": "not ä", "details": []})
    reply = call(own, "Unary", {"wish": "rich"})
    assert (reply.status, reply.json["code"], reply.headers["trailer-x-more"]) == (400, 11, "y")
    assert "grpc-status-details-bin" not in str(reply.headers)


def test_what_does_not_map_is_refused_with_its_field(own: Place) -> None:
    reply = call(own, "Unary", {"text": "a", "count": "many"})
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert reply.json["message"].startswith("field 'count': ")
    [detail] = reply.json["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert detail["fieldViolations"][0]["field"] == "count"


@pytest.mark.parametrize(
    ("body", "headers", "status", "told"),
    [
        (b"{", {}, 400, "EOF while parsing"),
        (b'{"nope": 1}', {}, 400, "unrecognized field name 'nope'"),
        (b"[]", {}, 400, "invalid type: sequence"),
        (b"\xff", {}, 400, "not UTF-8"),
        (b'{"text": ' + b"[" * 1000 + b"]" * 1000 + b"}", {}, 400, "text"),
        (b"{}", {"Content-Encoding": "br"}, 501, "'br'"),
        (b"{}", {"Content-Encoding": "gzip"}, 400, "not gzip"),
        (b"{}", {"Grpc-Timeout": "soon"}, 400, "'soon'"),
    ],
)
def test_bad_requests_are_refused(own: Place, body: bytes, headers: dict[str, str], status: int, told: str) -> None:
    reply = call(own, "Unary", body, _JSON | headers)
    assert (reply.status, told in reply.json["message"]) == (status, True), reply.json
    assert call(own, "Unary", {"text": "still there"}).json == {"text": "still there"}


def test_methods_are_called_by_post_alone(own: Place) -> None:
    reply = get(own.target, _SERVICE + "Unary")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    unknown = call(own, "Nothing", {})
    assert (unknown.status, unknown.json["code"]) == (501, 12)


def test_metadata_goes_both_ways(own: Place) -> None:
    headers = _JSON | {"X-Plain": "a b", "X-Data-Bin": "AQI="}
    reply = call(own, "Unary", {"wish": "greet"}, headers)
    assert (reply.headers["x-plain"], reply.headers["x-data-bin"]) == ("a b", "AQI")
    reply = call(own, "Unary", {"wish": "trail"}, headers)
    assert (reply.headers["trailer-x-plain"], reply.headers["trailer-x-data-bin"]) == ("a b", "AQI")


def test_bodies_may_be_compressed_both_ways(own: Place) -> None:
    sent = {"text": "so much of it " * 10_000}
    headers = _JSON | {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
    reply = call(own, "Unary", gzip.compress(json.dumps(sent).encode()), headers)
    assert (reply.headers["content-encoding"], json.loads(gzip.decompress(reply.body))) == ("gzip", sent)


def test_a_time_out_is_kept() -> None:
    with serving("salver") as place:
        reply = call(place, "Unary", {"wish": "wait"}, _JSON | {"Grpc-Timeout": "100m"})
        assert (reply.status, reply.json["code"]) == (504, 4)


def test_a_stream_of_replies_is_lines(own: Place) -> None:
    reply = call(own, "Spread", {"text": "a", "count": 3})
    assert (reply.status, reply.headers["content-type"]) == (200, "application/x-ndjson")
    assert lines(reply) == [{"result": {"text": "a", **({"number": each} if each else {})}} for each in range(3)]
    assert call(own, "Spread", {}).body == b""
    last = lines(call(own, "Spread", {"count": 2, "wish": "abort", "text": "no"}))[-1]
    assert last == {"error": {"code": 10, "message": "no", "details": []}}
    reply = call(own, "Spread", {"wish": "abort", "text": "no"})
    assert (reply.status, reply.json["code"]) == (409, 10)


def test_a_stream_of_replies_may_be_events(own: Place) -> None:
    reply = call(own, "Spread", {"count": 2}, _JSON | _EVENTS)
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.body == b'data: {}\n\ndata: {"number":1}\n\nevent: done\ndata: {}\n\n'
    reply = call(own, "Spread", {"count": 1, "wish": "abort", "text": "no"}, _JSON | _EVENTS)
    assert reply.body == b'data: {"text":"no"}\n\nevent: error\ndata: {"code":10,"message":"no","details":[]}\n\n'


def test_a_stream_of_requests_is_lines_or_an_array(own: Place) -> None:
    for body in (b'{"text":"a"}\n{"text":"b"}\n', b'[{"text":"a"},\n {"text":"b"}]', b'{"text":"a"}{"text":"b"}'):
        assert call(own, "Gather", body).json == {"text": "a,b", "number": 2}
    assert call(own, "Gather", b"").json == {}
    reply = call(own, "Gather", b'{"text":"a"}\n{"text":1}\n')
    assert (reply.status, reply.json["message"][:13]) == (400, "field 'text':")
    reply = call(own, "Gather", b'[{"text":"a"}')
    assert (reply.status, "ends within a document" in reply.json["message"]) == (400, True)


def test_both_may_stream(own: Place, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(b'{"text": "a"}\n{"text": "b"}\n')
    for version in ("--http1.1", "--http2-prior-knowledge"):
        command = [
            "curl",
            "-s",
            version,
            f"http://{own.target}{_SERVICE}Chat",
            "--data-binary",
            f"@{tmp_path / 'sent'}",
        ]
        ran = subprocess.run(command, capture_output=True, check=True, timeout=30)
        assert ran.stdout == b'{"result":{"text":"a"}}\n{"result":{"text":"b"}}\n'


def test_a_caller_who_leaves_is_noticed() -> None:
    with serving("salver") as place:
        body = b'{"wish": "wait"}'
        head = f"POST {_SERVICE}Unary HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", place.port), timeout=20) as caller:
            caller.sendall(head.encode() + body)
            assert place.heard.begun.acquire(timeout=20)
        assert place.heard.left.acquire(timeout=20)


def test_a_client_who_does_not_read_stops_the_stream() -> None:
    with serving("salver") as place:
        body = json.dumps({"count": 100_000, "text": "x" * 10_000}).encode()
        head = f"POST {_SERVICE}Spread HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", place.port), timeout=20) as caller:
            caller.sendall(head.encode() + body)
            assert caller.recv(100)
            until(lambda: place.heard.sent > 0)
        assert place.heard.sent < 100_000


def test_calls_are_counted(own: Place) -> None:
    labels = {"servable": "conformance.Conformance", "method": "Unary", "protocol": "json", "code": "OK"}
    call(own, "Unary", {})
    before = metric(own.target, "salver_calls_total", **labels)
    call(own, "Unary", {})
    until(lambda: metric(own.target, "salver_calls_total", **labels) == before + 1)


def test_large_documents_are_transcoded(own: Place) -> None:
    sent = {"text": "x" * 5_000_000}
    assert call(own, "Unary", sent).json == sent


BOOK = "/v1/shelves/1/books/2"
NAME = "shelves/1/books/2"


def test_routes_bind_paths_queries_and_bodies(routed: Server) -> None:
    found = get(routed.address, f"{BOOK}?pages=3&tags=a&tags=b%20c").json
    assert found == {"book": {"name": NAME, "pages": 3}, "tags": ["a", "b c"], "hits": str(1 << 60)}
    reply = request(routed.address, "PATCH", BOOK, {"title": "t"})
    assert (reply.status, reply.json) == (200, {"name": NAME, "title": "t"})
    assert get(routed.address, "/v1/titles/x").json == {"name": "x", "title": "", "pages": 0}


def test_routes_stream(routed: Server) -> None:
    reply = get(routed.address, f"{BOOK}:watch?pages=2")
    assert lines(reply) == [{"result": {"name": NAME}}, {"result": {"name": NAME, "pages": 1}}]
    *_, last = lines(get(routed.address, f"{BOOK}:watch?pages=1&tags=broken"))
    assert (last["error"]["code"], "it is torn" in last["error"]["message"]) == (3, True)
    reply = request(routed.address, "GET", f"{BOOK}:watch?pages=1", headers=_EVENTS)
    assert reply.body == f'data: {{"name":"{NAME}"}}\n\nevent: done\ndata: {{}}\n\n'.encode()


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "told"),
    [
        ("GET", f"{BOOK}?nope=1", None, 400, "field 'nope'"),
        ("GET", f"{BOOK}?pages=x", None, 400, "'x' is not an int32"),
        ("GET", "/v1/titles/nowhere", None, 400, "there is no such book"),
        ("PATCH", BOOK, b'{"title": 1}', 400, "field 'book.title'"),
        ("PATCH", BOOK, b'{}, "name": "b"', 400, "trailing"),
        ("DELETE", BOOK, None, 405, "GET, PATCH"),
        ("GET", "/shelves/1", None, 404, ""),
    ],
)
def test_what_leads_nowhere_is_refused(
    routed: Server, verb: str, path: str, body: bytes | None, status: int, told: str
) -> None:
    reply = request(routed.address, verb, path, body)
    assert (reply.status, told in reply.body.decode()) == (status, True), reply.body


def test_salvers_own_paths_stay(routed: Server) -> None:
    assert get(routed.address, "/v2/health/ready").status == 200
    [listed] = get(routed.address, "/servables").json["servables"]
    assert get(routed.address, f"/v1/models/{listed['name']}").status == 200


def test_rows_are_the_same_by_grpc_and_by_json(routed: Server) -> None:
    proto: Any = salver.proto(str(ROUTED / "library.proto"))
    with grpc.insecure_channel(routed.address) as channel:
        found = proto.stub("Library", channel).Get(proto.GetBook(name="a", pages=5), timeout=30)
    assert (found.book.name, found.book.pages, found.hits) == ("a", 5, 1 << 60)
    body = {"name": "a", "pages": 5}
    assert post(routed.address, "/library.Library/Get", body, _JSON).json["book"] == body


def test_routes_that_are_no_use_are_refused_at_load(tmp_path: Path) -> None:
    proto = (ROUTED / "library.proto").read_text()
    (tmp_path / "library.proto").write_text(proto.replace("/v1/titles/{name}", "/v1/titles/{nome}"))
    (tmp_path / "servable.py").write_text((ROUTED / "servable.py").read_text())
    checked = subprocess.run(
        [sys.executable, "-m", "salver", "check", str(tmp_path / "servable.py")],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert checked.returncode != 0
    said = checked.stdout + checked.stderr
    assert "google.api.http of library.Library.Get: message library.GetBook has no field 'nome'" in said
    assert "remedy: mend that option in the .proto" in said


def test_built_in_services_take_documents(address: str) -> None:
    def ask(path: str, body: object) -> Reply:
        return post(address, path, body, _JSON)

    assert ask("/grpc.health.v1.Health/Check", {}).json == {"status": "SERVING"}
    reply = ask("/grpc.health.v1.Health/Check", {"service": "nowhere"})
    assert (reply.status, reply.json["code"]) == (404, 5)
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2], "contents": {"fp32Contents": [1, 2]}}
    answer = ask("/inference.GRPCInferenceService/ModelInfer", {"model_name": "scaled", "inputs": [tensor]}).json
    assert answer["rawOutputContents"] == ["AAAAQAAAgEA="]
    assert ask("/inference.GRPCInferenceService/ModelStreamInfer", {}).status == 501
    assert ask("/inference.GRPCInferenceService/Nothing", {}).status == 501
    assert ask("/inference.GRPCInferenceService/ModelInfer", {"nope": 1}).status == 400
    reply = get(address, "/grpc.health.v1.Health/Check")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_generated_code_may_be_of_an_edition() -> None:
    kinds = descriptor_pb2.FieldDescriptorProto
    text = kinds(name="text", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL, json_name="text")
    file = descriptor_pb2.FileDescriptorProto(name="edition.proto", package="edition", syntax="editions")
    file.edition = descriptor_pb2.EDITION_2023
    file.message_type.add(name="Said").field.append(text)
    file.service.add(name="Echo").method.add(name="Say", input_type=".edition.Said", output_type=".edition.Said")
    pool = DescriptorPool()
    pool.Add(file)
    said = GetMessageClass(pool.FindMessageTypeByName("edition.Said"))
    handler = grpc.unary_unary_rpc_method_handler(
        lambda request, _: request, request_deserializer=said.FromString, response_serializer=said.SerializeToString
    )

    def register(server: Any, _: Any) -> None:
        server.add_registered_method_handlers("edition.Echo", {"Say": handler})

    with serving("salver", register) as place:
        assert post(place.target, "/edition.Echo/Say", {"text": "a"}, _JSON).json == {"text": "a"}
        with grpc.insecure_channel(place.target) as channel:
            assert channel.unary_unary("/edition.Echo/Say")(b"\x0a\x01b", timeout=20) == b"\x0a\x01b"
            database = ProtoReflectionDescriptorDatabase(channel)
            assert database.FindFileContainingSymbol("edition.Echo").edition == descriptor_pb2.EDITION_2023
