"""The states of versions, over every protocol that can tell them."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc
from support.http import get, post
from support.managed import Managed, add_version, break_version, managed
from support.protocols import PROTOCOLS, Protocol, Refused
from support.servables import CALC, write_servable
from support.tensorflow import AVAILABLE, END, LOADING, START, UNLOADING, states
from support.waiting import until

from salver.client.api import Client
from salver.lifecycle.ledger import Retries
from salver.repository.sources import Sources

INTERNAL = 13


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Managed]:
    """Version 1 of m, and another that is tried again after a long time."""
    add_version(tmp_path, 1)
    (tmp_path / "m" / "salver.toml").write_text("versions = 'all'")
    with managed(Sources(tmp_path), Retries(1, 60.0)) as server:
        break_version(tmp_path, 2)
        server.manager.look()
        until(lambda: failed(server.address, "m", 2) and server.states()[2] == "START")
        yield server


def failed(address: str, servable: str, version: int) -> bool:
    return states(address, servable).get(version, (LOADING, 0, ""))[:2] == (START, INTERNAL)


def index(address: str) -> list[tuple[str, str, str]]:
    found = post(address, "/v2/repository/index", b"").json
    with tritonclient.grpc.InferenceServerClient(address) as client:
        same = client.get_model_repository_index().models
    assert [(each.name, each.version, each.state, each.reason) for each in same] == [tuple(e.values()) for e in found]
    return [(each["name"], each["version"], each["state"]) for each in found]


def words(address: str, servable: str) -> dict[int, str]:
    versions = get(address, f"/servables/{servable}").json["versions"]
    return {each["version"]: each["state"] for each in versions}


def healthy(address: str, servable: str = "") -> str:
    with Client(address) as client:
        return client.health(servable)


def test_a_version_that_failed_tells_why_and_is_no_reason_to_be_unhealthy(server: Managed) -> None:
    shown = states(server.address, "m")
    assert shown[1] == (AVAILABLE, 0, "")
    state, code, text = shown[2]
    assert (state, code) == (START, INTERNAL)
    assert text.startswith("model.onnx: is no usable ONNX model")
    rest = get(server.address, "/v1/models/m").json["model_version_status"]
    assert [(each["version"], each["state"], each["status"]["error_code"]) for each in rest] == [
        ("2", "START", "INTERNAL"),
        ("1", "AVAILABLE", "OK"),
    ]
    assert rest[0]["status"]["error_message"] == text
    assert words(server.address, "m") == {1: "ready", 2: "unavailable"}
    assert index(server.address) == [("m", "2", "UNAVAILABLE"), ("m", "1", "READY")]
    assert post(server.address, "/v2/repository/index", {"ready": True}).json == [
        {"name": "m", "version": "1", "state": "READY", "reason": ""}
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_callers_of_a_servable_that_failed_are_told_why(server: Managed, tmp_path: Path, protocol: Protocol) -> None:
    break_version(tmp_path, 1, "n")
    server.manager.look()
    until(lambda: failed(server.address, "n", 1))
    with pytest.raises(Refused) as refused:
        protocol(server.address, "n.predict", [{"x": np.zeros(2, np.float32)}])
    assert "version 1: model.onnx: is no usable ONNX model" in str(refused.value)
    assert "try again" not in str(refused.value)


def test_callers_of_a_version_that_failed_are_told_why_where_another_answers(server: Managed) -> None:
    rows = [{"x": [0.0, 0.0]}]
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0.0, 0.0]}
    asked = {
        "/servables/m/versions/2/predict": (503, rows),
        "/v2/models/m/versions/2/infer": (503, {"inputs": [tensor]}),
        "/v1/models/m/versions/2:predict": (404, {"instances": rows}),
        "/model/m/version/2:predict": (200, {"instances": rows}),
    }
    for path, (status, body) in asked.items():
        reply = post(server.address, path, body)
        assert (reply.status, "model.onnx: is no usable ONNX model" in str(reply.json)) == (status, True), reply


def test_health_is_that_of_what_answers(server: Managed, tmp_path: Path) -> None:
    assert (healthy(server.address), healthy(server.address, "m"), server.ready()) == ("SERVING", "SERVING", True)
    assert healthy(server.address, "PredictionService") == "SERVING"
    assert get(server.address, "/v2/models/m/ready").status == 200
    assert [get(server.address, f"/v2/models/m/versions/{each}/ready").status for each in (1, 2, 3)] == [200, 400, 404]
    break_version(tmp_path, 1, "n")
    server.manager.look()
    until(lambda: not server.ready())
    assert (healthy(server.address), healthy(server.address, "m"), healthy(server.address, "n")) == (
        "NOT_SERVING",
        "SERVING",
        "NOT_SERVING",
    )
    assert healthy(server.address, "ModelService") == "NOT_SERVING"


def test_every_state_is_seen_from_the_first_to_the_last(tmp_path: Path) -> None:
    gate, held = tmp_path / "gate", tmp_path / "held"
    held.touch()
    waiting = f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.01)\n"
    models = tmp_path / "models"
    add_version(models, 1)
    with managed(Sources(models)) as server, ThreadPoolExecutor() as pool:
        write_servable(models, "calc", waiting + CALC)
        server.manager.look()

        def seen(state: int, word: str, indexed: str) -> None:
            until(lambda: states(server.address, "calc")[1] == (state, 0, ""))
            assert (words(server.address, "calc")[1], index(server.address)[0]) == (word, ("calc", "1", indexed))

        seen(LOADING, "loading", "LOADING")
        assert healthy(server.address, "calc") == "NOT_SERVING"
        gate.touch()
        seen(AVAILABLE, "ready", "READY")
        call = pool.submit(post, server.address, "/servables/calc/wait", {"file": str(held)})
        until(lambda: server.live.calls_in_flight() == 1)
        shutil.rmtree(models / "calc")
        server.manager.look()
        seen(UNLOADING, "unloading", "UNLOADING")
        assert post(server.address, "/servables/calc/shout", {"text": "x"}).status == 404
        held.unlink()
        assert call.result(30).status == 200
        until(lambda: states(server.address, "calc")[1] == (END, 0, ""))
        assert index(server.address)[0] == ("calc", "1", "UNAVAILABLE")
        assert get(server.address, "/servables/calc").status == 404
