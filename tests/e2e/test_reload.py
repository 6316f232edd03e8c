"""HandleReloadConfigRequest over gRPC: where it may be sent, and what becomes of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.http import post
from support.managed import add_version, break_version
from support.servables import write_servable
from support.tensorflow import call, message, states
from support.waiting import until

from salver.testing.server import Server, running


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    add_version(folder, 1, "a")
    add_version(folder, 2, "a")
    add_version(folder, 5, "b")
    break_version(folder, 3, "broken")
    return folder


@pytest.fixture
def server(models: Path, tmp_path: Path) -> Iterator[Server]:
    """Serves a folder, and beside it whatever it is told."""
    add_version(tmp_path / "folder", 1, "own")
    admin = f"unix:{tmp_path / 'admin'}"
    with running(tmp_path / "folder", "--allow-reload", "true", "--admin", admin, "--load-retries", "0") as server:
        yield server


def config(models: Path, *names: str, **said: Any) -> Any:
    """The request that lists these models; `said` is of all of them."""
    request = message("ReloadConfigRequest")()
    request.config.model_config_list.SetInParent()
    for name in names:
        listed = {"name": name, "base_path": str(models / name), "model_platform": "tensorflow"} | said
        labels = listed.pop("labels", {})
        added = request.config.model_config_list.config.add(**listed)
        for label, version in labels.items():
            added.version_labels.add(key=label, value=version)
    return request


def reload(address: str, request: Any) -> Any:
    return call(address, "ModelService", "HandleReloadConfigRequest", request, "ReloadConfigResponse").status


def refused(address: str, request: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as raised:
        reload(address, request)
    return raised.value.code().name, raised.value.details()


def answer(server: Server, name: str) -> object:
    reply = post(server.address, f"/servables/{name}", {"x": [1, 1]})
    return reply.json["y"][0] if reply.status == 200 else reply.status


def test_it_returns_when_new_models_answer_and_others_go(server: Server, models: Path) -> None:
    status = reload(server.address, config(models, "a"))
    assert (status.error_code, status.error_message) == (0, "")
    assert (answer(server, "a"), answer(server, "b")) == (2.0, 404)
    reload(server.address, config(models, "b"))
    assert answer(server, "b") == 5.0
    until(lambda: answer(server, "a") == 404)


def test_one_whose_model_loads_for_ever_keeps_no_other_waiting(server: Server, models: Path, tmp_path: Path) -> None:
    hung = write_servable(tmp_path, "hung", "import time\n\nprint('hanging', flush=True)\ntime.sleep(1000)\n")
    endless = config(models, "a")
    endless.config.model_config_list.config.add(name="hung", base_path=str(hung))
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(refused, server.address, endless)
        until(lambda: "[hung/1 worker 0] hanging" in server.output)
        endless.config.model_config_list.config.add(name="b", base_path=str(models / "b"))
        reload(server.address, endless)
        assert (answer(server, "a"), answer(server, "b")) == (2.0, 5.0)
        assert not waiting.done()
        reload(server.address, config(models, "a", "b"))
        assert waiting.result(40) == (
            "UNKNOWN",
            "1 model(s) did not become available: {{name: hung due to error: it was taken back meanwhile}, }",
        )
    until(lambda: "hung version 1: given up" in server.output)
    reload(server.address, config(models, "b"))
    assert answer(server, "b") == 5.0


def test_the_socket_of_the_admin_takes_it_too(server: Server, models: Path, tmp_path: Path) -> None:
    reload(f"unix:{tmp_path / 'admin'}", config(models, "b"))
    assert answer(server, "b") == 5.0
    assert states(f"unix:{tmp_path / 'admin'}", "b")[5][0] == 30


def test_elsewhere_it_is_denied_with_the_way_to_allow_it(models: Path) -> None:
    with running(models) as server:
        code, text = refused(server.address, config(models, "b"))
    assert code == "PERMISSION_DENIED"
    assert "--admin" in text
    assert "--allow-reload" in text


def test_what_cannot_be_followed_is_refused_in_the_words_of_the_original(server: Server, models: Path) -> None:
    everything = {"model_version_policy": {"all": {}}}
    reload(server.address, config(models, "a", **everything))
    no_list = "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently"
    custom = message("ReloadConfigRequest")(config={"custom_model_config": {"type_url": "x"}})
    cases = [
        (message("ReloadConfigRequest")(), "INVALID_ARGUMENT", no_list),
        (custom, "INVALID_ARGUMENT", no_list),
        (config(models, "a", "a"), "INVALID_ARGUMENT", "Illegal to list model a multiple times in config list"),
        (
            config(models, "a", base_path="models/a"),
            "INVALID_ARGUMENT",
            "Expected model a to have an absolute path or URI; got base_path()=models/a",
        ),
        (
            config(models, "a", model_platform="other"),
            "INVALID_ARGUMENT",
            "Illegal to change a model's platform. For model a platform was tensorflow and new platform requested is",
        ),
        (
            config(models, "a", labels={"stable": 9}, **everything),
            "FAILED_PRECONDITION",
            "Request to assign label to version 9 of model a, which is not currently available for inference",
        ),
        (
            config(models, "a", "broken", **everything),
            "UNKNOWN",
            "1 model(s) did not become available: {{name: broken version: 3 due to error: ",
        ),
    ]
    for request, code, text in cases:
        told = refused(server.address, request)
        assert (told[0], told[1].startswith(text)) == (code, True), told
        assert answer(server, "a") == 2.0


def test_labels_name_versions_from_the_next_call_on(server: Server, models: Path) -> None:
    everything = {"model_version_policy": {"all": {}}}
    reload(server.address, config(models, "a", **everything))
    until(lambda: states(server.address, "a")[1][0] == 30)
    reload(server.address, config(models, "a", labels={"stable": 1}, **everything))
    body = {"instances": [[1, 1]]}
    path = "/v1/models/a/labels/stable:predict"
    until(lambda: post(server.address, path, body).json == {"predictions": [[1.0, 1.0]]})


def test_garbage_is_refused_and_the_next_request_followed(server: Server, models: Path) -> None:
    with grpc.insecure_channel(server.address) as channel:
        function = channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
        # No message; a message whose config is none.
        for body in (b"\xff\xff", b"\x0a\x02\xff\xff"):
            with pytest.raises(grpc.RpcError) as raised:
                function(body, timeout=30)
            assert raised.value.code().name == "INVALID_ARGUMENT"
    reload(server.address, config(models, "b"))
    assert answer(server, "b") == 5.0


def test_a_server_that_stops_answers_who_waits(models: Path, tmp_path: Path) -> None:
    """The servable's worker never says what it serves."""
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "servable.py").write_text("import time\ntime.sleep(600)\n")
    add_version(tmp_path / "folder", 1, "own")
    with running(tmp_path / "folder", "--allow-reload", "true") as server:
        with grpc.insecure_channel(server.address) as channel:
            function = channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
            waiting = function.future(config(tmp_path, "slow").SerializeToString(), timeout=50)
            until(lambda: "slow" in [each["name"] for each in listed(server)])
            server.signal()
            assert waiting.exception(timeout=40) is not None
        assert server.wait(30) == 0


def listed(server: Server) -> list[Any]:
    from support.http import get

    servables: list[Any] = get(server.address, "/servables").json["servables"]
    return servables
