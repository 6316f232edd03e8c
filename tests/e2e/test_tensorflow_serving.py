"""A server that is started as TensorFlow Serving's is, with lists of models that change while it runs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.http import post
from support.managed import add_version
from support.waiting import until

from salver.client.admin import Refused, ask
from salver.testing.server import Server, ServerExited

CONFIG = "model_config_list {{\n{models}}}\n"
MODEL = '  config {{\n    name: "{name}"\n    base_path: "{path}"\n    {more}\n  }}\n'


def config(tmp_path: Path, *models: str, **more: str) -> str:
    """The text that lists these models; `more` is what is said of one."""
    listed = [MODEL.format(name=name, path=tmp_path / "models" / name, more=more.get(name, "")) for name in models]
    return CONFIG.format(models="".join(listed))


@contextmanager
def started(*flags: str, **environment: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "salver", "tensorflow-serving", "--port=0", *flags]
    server = Server(command, {**os.environ, **environment})
    try:
        server.wait_until_ready(30)
        yield server
    finally:
        server.close()


def answer(server: Server, name: str) -> object:
    """What one row is multiplied by; or the status if it is refused."""
    reply = post(server.address.replace("0.0.0.0", "127.0.0.1"), f"/servables/{name}", {"x": [1, 1]})
    return reply.json["y"][0] if reply.status == 200 else reply.status


def test_one_model_is_served_and_followed(tmp_path: Path) -> None:
    add_version(tmp_path, 1)
    flags = (
        "--model_name=half",
        f"--model_base_path={tmp_path}/m",
        "--num_load_threads=2",
        "--rest_api_num_threads=9",
    )
    with started(*flags) as server:
        assert answer(server, "half") == 1.0
        assert "ignored: --num_load_threads, --rest_api_num_threads" in server.output
        add_version(tmp_path, 2)
        until(lambda: answer(server, "half") == 2.0)


def test_a_model_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with started("--model_name=m", f"--model_base_path={tmp_path}/m") as server:
        until(lambda: "there is no such folder" in server.output)
        assert answer(server, "m") == 503
        add_version(tmp_path, 1)
        until(lambda: answer(server, "m") == 1.0)


def test_a_list_is_read_again_when_it_changes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        add_version(tmp_path / "models", 1, name)
    file = tmp_path / "models.config"
    file.write_text(config(tmp_path, "a", a='model_platform: "tensorflow"'))
    with started(f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=1") as server:
        assert (answer(server, "a"), answer(server, "b")) == (1.0, 404)
        file.write_text(config(tmp_path, "b", "a", a='model_platform: "other"'))
        until(lambda: f"{file}:8: Illegal to change a model's platform. For model a platform was" in server.output)
        assert (answer(server, "a"), answer(server, "b")) == (1.0, 404)
        file.write_text(config(tmp_path, "a", "b").replace("base_path", "base_pth", 1))
        until(lambda: f'{file}:4:5: is no ModelServerConfig: Message type "ModelConfig" has no field' in server.output)
        assert (answer(server, "a"), answer(server, "b")) == (1.0, 404)
        file.write_text(config(tmp_path, "b"))
        until(lambda: (answer(server, "a"), answer(server, "b")) == (404, 1.0))
        file.write_text("# nothing\n")
        add_version(tmp_path / "models", 2, "b")
        until(lambda: answer(server, "b") == 2.0)
    assert "Traceback" not in server.output


def test_a_list_may_be_given_to_a_running_server(tmp_path: Path) -> None:
    for version in (1, 2):
        add_version(tmp_path / "models", version, "a")
    add_version(tmp_path / "models", 5, "b")
    file = tmp_path / "models.config"
    file.write_text(config(tmp_path, "a", a="model_version_policy { all {} }"))
    admin = f"unix:{tmp_path / 'admin'}"
    with started(f"--model_config_file={file}", SALVER_ADMIN=admin) as server:
        labelled = 'model_version_policy { all {} } version_labels { key: "stable" value: 1 }'
        ask(admin, {"do": "reload", "config": config(tmp_path, "a", "b", a=labelled)}, 40)
        assert answer(server, "b") == 5.0
        shown = ask(admin, {"do": "status"}, 20)
        assert [each["labels"] for each in shown] == [["stable"], [], []]
        for text, told in (
            (config(tmp_path, "a", a=labelled.replace("1", "9")), "Request to assign label to version 9 of model a"),
            (config(tmp_path, "a", "a"), "Illegal to list model a multiple times"),
            (config(tmp_path, "a", "gone"), "1 model(s) did not become available: {{name: gone version: 1"),
        ):
            with pytest.raises(Refused) as refused:
                ask(admin, {"do": "reload", "config": text}, 40)
            assert told in str(refused.value)
        assert answer(server, "a") == 2.0


def test_tls_comes_from_one_file(tmp_path: Path, certificates: Path) -> None:
    from salver.client.api import Client

    def quoted(name: str) -> str:
        return '"' + (certificates / name).read_text().replace("\n", "\\n") + '"'

    add_version(tmp_path, 1)
    file = tmp_path / "ssl"
    texts = f"server_key: {quoted('server.key')}\nserver_cert: {quoted('server.crt')}\ncustom_ca: {quoted('ca.crt')}\n"
    file.write_text(f"{texts}client_verify: true\n")
    with started(f"--model_base_path={tmp_path}/m", f"--ssl_config_file={file}") as server:
        address = server.address.replace("mtls:0.0.0.0", "tls:localhost")
        own = {"certificate": certificates / "client.crt", "key": certificates / "client.key"}
        with Client(address, ca=certificates / "ca.crt", **own) as client:
            assert client.is_ready(timeout=20)


def test_a_mistake_in_the_list_is_told_before_anything_is_served(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    file.write_text(config(tmp_path, "a").replace(str(tmp_path), "relative"))
    with (
        pytest.raises(ServerExited, match=r"models\.config:4: Expected model a to have an absolute path or URI"),
        started(f"--model_config_file={file}"),
    ):
        pass
