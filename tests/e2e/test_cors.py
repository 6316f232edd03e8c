"""What a browser asks before it lets a page of another origin use the server, and what it is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.conformance import serving
from support.http import Reply, post, request
from support.web import grpc_web

from salver.problems import Unusable
from salver.testing.server import Server, running

PAGE = "https://app.example.com"
OTHER = "https://other.example.com"


@pytest.fixture(scope="module")
def known(models: Path) -> Iterator[Server]:
    with running(models, "--cors-origins", f"{PAGE}, http://localhost:3000") as server:
        yield server


def preflight(address: str, path: str, origin: str) -> Reply:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-grpc-web"}
    return request(address, "OPTIONS", path, None, {"Origin": origin, **asked})


PATHS = [
    "/inference.GRPCInferenceService/ServerLive",
    "/servables/scaled",
    "/v2/models/scaled/infer",
    "/v1/models/scaled:predict",
    "/metrics",
]


@pytest.mark.parametrize("path", PATHS)
def test_pages_of_chosen_origins_may_use_every_address(known: Server, path: str) -> None:
    reply = preflight(known.address, path, PAGE)
    assert reply.status == (200 if path.startswith("/v1/") else 204)
    assert reply.headers["access-control-allow-origin"] == PAGE
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-headers"] == "content-type,x-grpc-web"
    assert "origin" in reply.headers["vary"]


@pytest.mark.parametrize("path", PATHS)
def test_others_may_not(known: Server, path: str) -> None:
    reply = preflight(known.address, path, OTHER)
    assert reply.status == 403
    assert "access-control-allow-origin" not in reply.headers


def test_replies_may_be_read_with_all_their_headers(known: Server) -> None:
    told = grpc_web(known.address, "/inference.GRPCInferenceService/Nowhere", b"", headers={"Origin": PAGE})
    headers = told.reply.headers
    assert headers["access-control-allow-origin"] == PAGE
    assert {"grpc-status", "grpc-message"} <= set(headers["access-control-expose-headers"].split(", "))
    reply = post(known.address, "/servables/scaled", {"x": [1, 2]}, {"Origin": PAGE})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, PAGE)
    reply = post(known.address, "/servables/scaled", {"x": [1, 2]}, {"Origin": OTHER})
    assert "access-control-allow-origin" not in reply.headers
    assert reply.headers["vary"] == "origin"


def test_all_origins_may_be_let_in(models: Path) -> None:
    with running(models, "--cors-origins", "*") as server:
        assert preflight(server.address, "/servables/scaled", OTHER).headers["access-control-allow-origin"] == "*"


def test_a_scripts_server_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALVER_CORS_ORIGINS", PAGE)
    with serving("salver") as place:
        told = grpc_web(place.target, "/conformance.Conformance/Unary", b"", headers={"Origin": PAGE})
    assert told.reply.headers["access-control-allow-origin"] == PAGE
    monkeypatch.setenv("SALVER_CORS_ORIGINS", "nowhere")
    with pytest.raises(Unusable, match="SALVER_CORS_ORIGINS: 'nowhere' is no usable value"), serving("salver"):
        pass


def test_without_the_setting_nobody_is(address: str) -> None:
    reply = preflight(address, "/servables/scaled", PAGE)
    assert (reply.status, "access-control-allow-origin" in reply.headers) == (405, False)
    reply = post(address, "/servables/scaled", {"x": [1, 2]}, {"Origin": PAGE})
    assert not any(name.startswith("access-control") for name in reply.headers)


def test_pages_that_ask_for_a_model_without_saying_how_are_answered_too(known: Server) -> None:
    for origin, status in [(PAGE, 200), (OTHER, 403)]:
        reply = request(known.address, "OPTIONS", "/v1/models/scaled:predict", None, {"Origin": origin})
        assert (reply.status, "access-control-allow-origin" in reply.headers) == (status, status == 200)
