"""Servicers in worker processes are reached by the protocols of browsers, and say nothing of origins themselves."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import add_ConformanceServicer_to_server
from support.conformance_workers import Working
from support.http import post
from support.web import connect_stream, frame, grpc_web

import salver
from salver import grpc as own

PAGE = "https://app.example.com"
_UNARY = "/conformance.Conformance/Unary"
_JSON = {"Content-Type": "application/json", "Connect-Protocol-Version": "1", "Origin": PAGE, "X-Name": "ada"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALVER_CORS_ORIGINS", PAGE)
        server = own.server(ThreadPoolExecutor(2), workers=1)
        add_ConformanceServicer_to_server(salver.per_worker(Working, "hello "), server)  # type: ignore[no-untyped-call]
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait(20)


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_grpc_web_reaches_them(address: str, text: bool) -> None:
    told = grpc_web(address, _UNARY, b"", text=text, headers={"Origin": PAGE, "X-Name": "ada"})
    assert Response.FromString(told.messages[0]).text == "hello ada"
    assert told.reply.headers["access-control-allow-origin"] == PAGE
    assert told.reply.headers["vary"] == "origin"
    told = grpc_web(address, _UNARY, Request(wish="abort", text="no").SerializeToString(), text=text)
    assert (told.end["grpc-status"], told.end["grpc-message"], told.end["x-a"]) == ("10", "no", "b")


def test_connect_reaches_them(address: str) -> None:
    reply = post(address, _UNARY, {}, _JSON)
    assert (reply.status, reply.json["text"], reply.headers["access-control-allow-origin"]) == (200, "hello ada", PAGE)
    reply = post(address, _UNARY, {"wish": "abort", "text": "no"}, _JSON)
    assert (reply.status, reply.json) == (409, {"code": "aborted", "message": "no"})
    assert reply.headers["trailer-x-a"] == "b"
    refused = connect_stream(address, "/conformance.Conformance/Spread", frame(b"{}"), "json")
    assert refused.end["error"]["code"] == "unimplemented"
