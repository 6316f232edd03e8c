"""Starting servers and servables in this process: in any order, with what else there is; what fails ends everything."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.ports import free_port
from workers.processes import workers

from mindspore_serving import master, server, worker
from mindspore_serving.client import Client
from mindspore_serving.server import ServableStartConfig, SSLConfig

from .scripts import READY, put_model

REGISTER = "import os\nfrom mindspore_serving.server import register\n"
DECLARE = 'model = register.declare_model("tensor_add.mindir", "MindIR", with_batch_dim=False)\n'
ECHO = f"""{REGISTER}
def f(x):
    return x

@register.register_method("y")
def echo(x):
    return register.add_stage(f, x, outputs_count=1)
"""
ADD = f"""{REGISTER}{DECLARE}
@register.register_method("y")
def add(x1, x2):
    return register.add_stage(model, x1, x2, outputs_count=1)
"""
ONES = np.ones((2, 2), np.float32)


@pytest.fixture(autouse=True)
def everything_ends() -> Iterator[None]:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    server.stop()
    assert_nothing_runs()
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def assert_nothing_runs() -> None:
    assert not workers()
    ours = ("salver", "supervisor", "signals", "loading")
    assert not [thread.name for thread in threading.enumerate() if thread.name in ours]


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


def write(directory: Path, text: str, name: str = "add", *versions: int) -> ServableStartConfig:
    """A servable of this text, with the model of `add` in the folders of its versions."""
    (directory / name).mkdir()
    (directory / name / "servable_config.py").write_text(text)
    for version in versions:
        put_model(directory / name / str(version))
    return ServableStartConfig(str(directory), name, device_ids=0)


def ask(address: str, servable: str, method: str, version: int = 0, **inputs: object) -> Any:
    """The outputs, or the text of the error."""
    reply = Client(address, servable, method, version).infer(inputs)
    return reply["error"] if isinstance(reply, dict) else reply[0]


def test_servables_may_be_started_after_the_server(tmp_path: Path, address: str) -> None:
    server.start_grpc_server(address)
    missing = "Request servable(add) method(add) , servable is not available"
    assert ask(address, "add", "add", x1=ONES, x2=ONES) == missing
    server.start_servables(write(tmp_path, ADD, "add", 1))
    assert ask(address, "add", "add", x1=ONES, x2=ONES)["y"].tolist() == [[2, 2], [2, 2]]
    server.start_servables([write(tmp_path, ECHO, "echo")])
    assert ask(address, "echo", "echo", x="text") == {"y": "text"}
    assert ask(address, "add", "add", x1=ONES, x2=ONES)["y"].tolist() == [[2, 2], [2, 2]]


def test_several_versions_of_a_servable(tmp_path: Path, address: str) -> None:
    write(tmp_path, ADD, "add", 1, 2, 10)
    configs = [ServableStartConfig(str(tmp_path), "add", version_number=number) for number in (1, 0)]
    server.start_servables(configs)
    server.start_grpc_server(address)
    for version in (0, 1, 10):
        assert "y" in ask(address, "add", "add", version, x1=ONES, x2=ONES)
    missing = "Request servable(add) method(add)  version(2) , servable is not available"
    assert ask(address, "add", "add", 2, x1=ONES, x2=ONES) == missing


def test_what_r12_starts_is_the_same_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, ECHO, "echo")
    monkeypatch.chdir(tmp_path)
    port = free_port()
    master.start_grpc_server("127.0.0.1", port)
    worker.start_servable_in_master(".", "echo", device_id=1)
    assert ask(f"localhost:{port}", "echo", "echo", x="text") == {"y": "text"}
    master.stop()
    assert_nothing_runs()
    worker.stop()


def test_a_request_may_not_be_larger_than_was_said(tmp_path: Path, address: str) -> None:
    server.start_servables(write(tmp_path, ECHO, "echo"))
    server.start_grpc_server(address, max_msg_mb_size=1)
    assert len(ask(address, "echo", "echo", x=np.zeros(2**19, np.uint8))["y"]) == 2**19
    text = ask(address, "echo", "echo", x=np.zeros(2**20, np.uint8))
    assert text.startswith("Grpc Error, (8, 'resource exhausted'), Received message larger than max (")


def failure(*configs: ServableStartConfig) -> str:
    with pytest.raises(RuntimeError) as raised:
        server.start_servables(list(configs))
    assert_nothing_runs()
    return str(raised.value)


NO_VERSION = (
    "There is no valid version directory of models while there are models declared in servable_config.py, "
    "servable directory: {directory}, servable name: add; "
)
NO_MODEL = (
    "Load model failed, servable directory: '{directory}', servable name: 'add', model file: '[other.mindir]', "
    "version number 1,model context: "
)
WRONG_COUNT = (
    "The inputs count 1 in register_method not equal to the count 2 defined in model, model info: "
    "tensor_add.mindir, subgraph: 0; "
)
WRONG_FORMAT = "import add.servable_config failed, model format can only be OM, MindIR or MindIR_Lite, case ignored; "


@pytest.mark.parametrize(
    ("text", "versions", "expected"),
    [
        ("import absent_module", (), "import add.servable_config failed, No module named 'absent_module'; "),
        ("1 / 0", (), "import add.servable_config failed, division by zero; "),
        ("x = (", (), "import add.servable_config failed, '(' was never closed (servable_config.py, line 1); "),
        ("", (), "There is no method registered for servable; "),
        (f"{REGISTER}register.declare_model('x.mindir', 'TF')", (), WRONG_FORMAT),
        (ADD, (), NO_VERSION),
        (ADD.replace("tensor_add", "other"), (1,), NO_MODEL),
        (ADD.replace("add(x1, x2)", "add(x1)").replace("x1, x2, out", "x1, out"), (1,), WRONG_COUNT),
    ],
)
def test_a_worker_that_cannot_start_ends_everything(
    tmp_path: Path, address: str, text: str, versions: tuple[int, ...], expected: str
) -> None:
    server.start_servables(write(tmp_path, ECHO, "echo"))
    server.start_grpc_server(address)
    told = failure(write(tmp_path, text, "add", *versions))
    start = "Fail to start workers: {servable name:add, device id:0, <"
    assert told.startswith(start + expected.format(directory=tmp_path)), told
    assert told.endswith(">}")
    assert "Connection refused" in ask(address, "echo", "echo", x="text")


def test_the_death_of_a_worker_is_told_as_such(tmp_path: Path) -> None:
    told = failure(write(tmp_path, "import os\nos._exit(3)", "add"))
    assert told.startswith(
        "Fail to start workers because of death of one worker: {servable name:add, device id:0, "
        "<its worker ended with status 3 before it served; "
    )


def test_a_worker_without_a_device_is_called_an_extra_one(tmp_path: Path) -> None:
    write(tmp_path, "1 / 0", "add")
    told = failure(ServableStartConfig(str(tmp_path), "add", num_parallel_workers=2))
    assert told.startswith(
        "Fail to start workers: {servable:add, version:1, extra:0, <import add.servable_config failed"
    )


def test_a_version_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, ADD, "add", 1)
    told = failure(ServableStartConfig(str(tmp_path), "add", version_number=3, device_ids=0))
    assert (
        "<Start servable failed: There is no specified version directory of models, specified version number: 3, "
        f"servable directory: '{tmp_path}', servable name: 'add'; "
    ) in told


def test_a_folder_or_file_that_is_not_there(tmp_path: Path) -> None:
    where = f"servable directory '{tmp_path}', servable name 'add'"
    config = ServableStartConfig(str(tmp_path), "add", device_ids=0)
    assert failure(config) == f"Check servable config failed, directory '{tmp_path}/add' not exist, {where}"
    (tmp_path / "add").mkdir()
    file = f"{tmp_path}/add/servable_config.py"
    assert failure(config) == f"Check servable config failed, file '{file}' not exist,  {where}"


def test_what_runs_cannot_be_started_again(tmp_path: Path) -> None:
    config = write(tmp_path, ECHO, "echo")
    server.start_servables(config)
    assert failure(config) == "Servable echo, version 1, is already running"


@pytest.mark.parametrize(
    ("configs", "text"),
    [
        (
            "add",
            (
                "Parameter 'servable_configs' should be ServableStartConfig or tuple/list of ServableStartConfig, but "
                "actually <class 'str'>"
            ),
        ),
        ([], "Parameter 'servable_configs' should not be empty"),
    ],
)
def test_wrong_configurations(configs: Any, text: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        server.start_servables(configs)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"address": 5500}, "Parameter 'address' should be str, but actually <class 'int'>"),
        ({"address": ""}, "Parameter 'address' should not be empty str"),
        ({"address": "localhost"}, "Serving Error: The format of the Serving gRPC address 'localhost' is illegal"),
        ({"max_msg_mb_size": 0}, "Parameter 'max_msg_mb_size' should be in range [1,512]"),
        ({"max_msg_mb_size": True}, "Parameter 'max_msg_mb_size' should be int, but actually <class 'bool'>"),
        ({"ssl_config": "server.crt"}, "The type of ssl_config should be type of SSLConfig"),
    ],
)
def test_wrong_arguments_of_the_server(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        server.start_grpc_server(**{"address": "127.0.0.1:5500", **arguments})
    assert str(raised.value) == text


def test_there_is_one_grpc_server(address: str) -> None:
    server.start_grpc_server(address)
    with pytest.raises(RuntimeError) as raised:
        server.start_grpc_server(f"127.0.0.1:{free_port()}")
    assert str(raised.value) == "Serving Error: Serving gRPC server is already running"
    assert "Connection refused" in ask(address, "echo", "echo", x=1)


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    server.start_servables(write(tmp_path, ECHO, "echo"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RuntimeError) as raised:
            server.start_grpc_server(address)
    failed = f"Serving Error: Serving gRPC server start failed, create server failed, address {address}: "
    assert str(raised.value).startswith(failed + "Address already in use")
    assert_nothing_runs()


def test_a_unix_socket_takes_the_place_of_an_old_one_but_not_of_a_file_with_content(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    server.start_grpc_server(f"unix:{path}")
    assert "servable is not available" in ask(f"unix:{path}", "echo", "echo", x=1)
    server.stop()
    path.write_text("content")
    with pytest.raises(RuntimeError) as raised:
        server.start_grpc_server(f"unix:{path}")
    assert "Address already in use" in str(raised.value)
    assert path.read_text() == "content"


def test_certificates_that_are_none_are_named(tmp_path: Path, certificates: Path, address: str) -> None:
    (tmp_path / "broken.crt").write_text("no certificate")
    good = {"certificate": str(certificates / "server.crt"), "private_key": str(certificates / "server.key")}
    for wrong in (
        {"certificate": str(tmp_path / "absent.crt")},
        {"certificate": str(tmp_path / "broken.crt")},
        {"private_key": str(certificates / "client.key")},
        {"custom_ca": str(tmp_path / "absent.crt"), "verify_client": True},
    ):
        with pytest.raises(RuntimeError) as raised:
            server.start_grpc_server(address, ssl_config=SSLConfig(**{**good, **wrong}))  # type: ignore[arg-type]
        assert str(raised.value).startswith("Serving Error: Serving gRPC server start failed, create server failed")
        assert next(iter(wrong.values())) in str(raised.value)


def test_the_authority_of_clients_is_not_looked_at_where_they_show_nothing(certificates: Path, address: str) -> None:
    pair = str(certificates / "server.crt"), str(certificates / "server.key")
    server.start_grpc_server(address, ssl_config=SSLConfig(*pair, custom_ca="absent.crt", verify_client=False))


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("SALVER_LISTEN", "tls:0.0.0.0:1")  # what the arguments say is not asked for
    monkeypatch.setenv("SALVER_MAX_CALLS", "many")
    with pytest.raises(RuntimeError, match="SALVER_MAX_CALLS: 'many' is no usable value"):
        server.start_grpc_server(address)
    monkeypatch.setenv("SALVER_MAX_CALLS", "5")
    server.start_grpc_server(address)


def test_the_readiness_line_tells_the_address(capsys: pytest.CaptureFixture[str], address: str) -> None:
    server.start_grpc_server(address)
    assert capsys.readouterr().out == f"{READY}{address}\n"


def test_a_server_may_be_started_on_any_thread(tmp_path: Path, address: str) -> None:
    def start() -> None:
        server.start_servables(config)
        server.start_grpc_server(address)

    config = write(tmp_path, ECHO, "echo")
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert ask(address, "echo", "echo", x="text") == {"y": "text"}


def test_workers_are_no_children_that_this_process_forgets(tmp_path: Path) -> None:
    server.start_servables(write(tmp_path, ECHO, "echo"))
    [process] = workers()
    assert "start_worker.py" in Path(f"/proc/{process}/cmdline").read_text()
    server.stop()
    with pytest.raises(ChildProcessError):
        os.waitpid(process, os.WNOHANG)
