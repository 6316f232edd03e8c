"""How a server starts, what stops it from starting, and how it ends."""

import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from support.http import get, post
from support.waiting import metric, until
from support.waiting import running as busy

from examples.models import add, write
from salver.client.api import Client
from salver.client.errors import SalverError, Unavailable
from salver.testing.server import Server, running

ROW = {"x1": [[1, 2], [3, 4]], "x2": [[1, 1], [1, 1]]}


def salver(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    command = [sys.executable, "-m", "salver", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, **options)  # type: ignore[call-overload, no-any-return]


def steps(count: int) -> dict[str, object]:
    return {"steps": np.array([count])}


def test_it_prints_what_it_serves_and_where(server: Server) -> None:
    printed = server.output
    assert "add  version 1, onnx" in printed
    assert "predict(x1: float32[2, 2], x2: float32[2, 2]) -> (y: float32[2, 2])" in printed
    assert "not batched: two rows run together gave another 'y' than each by itself" in printed
    assert "batched: up to 32 rows" in printed
    assert [address.split(":")[0] for address in server.addresses] == ["127.0.0.1", "unix", "tls", "mtls"]


def test_neither_numpy_nor_a_framework_nor_a_python_grpc_is_loaded(server: Server) -> None:
    loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "libonnxruntime.so" in loaded
    for foreign in ("multiarray_umath", "cygrpc", "onnxruntime_pybind", "google/_upb"):
        assert foreign not in loaded


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_accepted_calls_be_answered_and_refuses_new_ones(models: Path, number: int) -> None:
    with running(models) as server, Client(server.address) as client, ThreadPoolExecutor() as pool:
        calls = [pool.submit(client.infer, "slow", steps(300), timeout=40) for _ in range(2)]
        by_http = pool.submit(post, server.address, "/servables/slow", {"steps": [300]})
        until(lambda: metric(server.address, "salver_calls_in_flight") == 3)
        assert client.health() == "SERVING"
        server.signal(number)
        until(lambda: not_serving(client))
        with pytest.raises(Unavailable):
            client.infer("slow", steps(1), timeout=20)
        assert [call.result()["done"].tolist() for call in calls] == [[300], [300]]
        assert by_http.result().json == {"done": [300]}
        assert server.wait(30) == 0
    assert server.output.endswith("stopped\n")


def not_serving(client: Client) -> bool:
    return client.health(timeout=20) == "NOT_SERVING"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(models: Path, number: int) -> None:
    with running(models) as server, Client(server.address) as client, ThreadPoolExecutor() as pool:
        call = pool.submit(client.infer, "slow", steps(20_000), timeout=50)
        until(lambda: busy(server.address, "slow"))
        server.signal(number)
        until(lambda: "stopping: 1 call in flight" in server.output)
        server.signal(number)
        assert server.wait(20) == 128 + number
        with pytest.raises(SalverError):
            call.result()


def test_what_takes_longer_than_the_drain_is_given_up(models: Path) -> None:
    options = ("--drain-timeout-s", "0.2")
    with running(models, *options) as server, Client(server.address) as client, ThreadPoolExecutor() as pool:
        call = pool.submit(client.infer, "slow", steps(20_000), timeout=50)
        until(lambda: busy(server.address, "slow"))
        server.signal()
        assert server.wait(20) == 1
        with pytest.raises(SalverError):
            call.result()
    assert "stopped with 1 call unanswered after 0.2 s" in server.output


def test_idle_connections_do_not_hold_up_the_end(models: Path) -> None:
    with running(models) as server, grpc.insecure_channel(server.address) as channel:
        grpc.channel_ready_future(channel).result(timeout=20)
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port))):
            server.signal()
            assert server.wait(20) == 0


def test_a_port_that_is_taken_is_told(models: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = salver("serve", str(models), "--listen", address)
    assert ran.returncode == 2
    assert f"{address}: cannot be listened on: " in ran.stderr
    assert "in use" in ran.stderr
    assert "remedy: " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_unix_socket_is_taken_over_from_the_dead_but_not_from_the_living(models: Path, tmp_path: Path) -> None:
    listen = ("--listen", f"unix:{tmp_path / 's'}")
    with running(models, *listen) as server:
        second = salver("serve", str(models), *listen)
        assert second.returncode == 2
        assert "in use" in second.stderr
        with Client(server.address) as client:
            assert client.is_ready(timeout=20)
        server.process.kill()
        server.wait(20)
    with running(models, *listen) as server, Client(server.address) as client:
        assert client.is_ready(timeout=20)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("certificate", "key", "told"),
    [
        ("gone.crt", "server.key", "there is no such file"),
        ("server.crt", "client.key", "belong together"),
        ("server.crt", "server.crt", "key"),
        ("server.key", "server.key", "certificate"),
    ],
)
def test_certificates_that_cannot_work_are_told(
    models: Path, certificates: Path, certificate: str, key: str, told: str
) -> None:
    files = ("--tls-certificate", str(certificates / certificate), "--tls-key", str(certificates / key))
    ran = salver("serve", str(models), "--listen", "tls:localhost:0", *files)
    assert ran.returncode == 2
    assert told in ran.stderr
    assert "remedy: " in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """One good servable among bad ones."""
    whole = write(add(), tmp_path, "good").read_bytes()
    for name, content in (("truncated", whole[: len(whole) // 2]), ("empty", b""), ("text", b"this is no model")):
        write(add(), tmp_path, name).write_bytes(content)
    (tmp_path / "dangling" / "1").mkdir(parents=True)
    (tmp_path / "dangling" / "1" / "model.onnx").symlink_to(tmp_path / "gone")
    shutil.copytree(tmp_path / "good", tmp_path / "misspelt")
    (tmp_path / "misspelt" / "salver.toml").write_text("max_batchsize = 3\n")
    return tmp_path


def test_bad_servables_are_told_and_do_not_stop_the_good_one(broken: Path) -> None:
    with running(broken) as server:
        for name in ("truncated", "empty", "text", "dangling", "misspelt"):
            assert f"{broken}/{name}/" in server.output
            assert post(server.address, f"/servables/{name}", ROW).status == 503
        assert "did you mean 'max_batch_size'?" in server.output
        assert "Traceback" not in server.output
        assert post(server.address, "/servables/good", ROW).json == {"y": [[2, 3], [4, 5]]}
        states = {each["name"]: each["versions"][0] for each in get(server.address, "/servables").json["servables"]}
        assert states["good"]["state"] == "ready"
        assert states["truncated"]["state"] != "ready"
        assert states["truncated"]["reason"].startswith("model.onnx: is no usable ONNX model")
        assert states["misspelt"]["reason"] == "salver.toml: there is no setting 'max_batchsize'"
        assert ", but without 5 versions (see above)" in server.output
        assert get(server.address, "/v2/health/ready").status == 400


def test_check_tells_the_same_and_fails(broken: Path) -> None:
    ran = salver("check", str(broken))
    assert ran.returncode == 1
    assert ran.stdout.endswith("1 version loaded, 5 problems\n")
    for name in ("truncated", "empty", "text", "dangling", "misspelt"):
        assert f"{broken}/{name}" in ran.stderr
    assert ran.stderr.count("remedy: ") == 5


def test_check_of_good_models_succeeds(models: Path) -> None:
    ran = salver("check", str(models))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "identity_float16  version 1, onnx" in ran.stdout


def test_with_nothing_to_serve_it_ends(broken: Path) -> None:
    shutil.rmtree(broken / "good")
    ran = salver("serve", str(broken), "--listen", "127.0.0.1:0")
    assert ran.returncode == 1
    assert "can be served" in ran.stdout


def test_settings_of_a_servable_are_followed(tmp_path: Path) -> None:
    write(add(), tmp_path, "add")
    (tmp_path / "add" / "salver.toml").write_text("instances = 3\n[onnx]\nthreads = 2\noptimization = 'basic'\n")
    with running(tmp_path) as server:
        assert "add  version 1, onnx, 3 instances" in server.output


def test_the_environment_says_the_same_as_flags(models: Path) -> None:
    with running(models, environment={"SALVER_MAX_MESSAGE_MIB": "1", "SALVER_LOG_LEVEL": "info"}) as server:
        reply = post(server.address, "/servables/text", b"x" * 2_000_000, {"Content-Type": "application/octet-stream"})
        assert b"--max-message-mib" in reply.body
