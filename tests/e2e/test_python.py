"""Servables in Python behind a real server: called over every protocol, and lost in every way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.http import get, post
from support.servables import CALC, CHAIN, write_servable, write_servables
from support.waiting import running as busy
from support.waiting import until
from workers.processes import ended

from mindspore_serving.client import Client as MindSporeClient
from salver.client.api import Client
from salver.client.errors import NotFound, SalverError, Unavailable
from salver.testing.server import Server, running

X1, X2 = np.array([[1, 2], [3, 4]], np.float32), np.array([[10, 20], [30, 40]], np.float32)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(write_servables(tmp_path_factory.mktemp("servables"))) as server:
        yield server


@pytest.fixture
def calc(tmp_path: Path) -> Path:
    """A folder with one servable that tests may harm."""
    write_servable(tmp_path, "calc", CALC)
    return tmp_path


def salver(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salver", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def process(client: Client, servable: str = "calc") -> int:
    """The worker that answers."""
    return int(client.infer(servable, {"text": [b"?"]}, method="process", timeout=20)["output"][0])


def text(client: Client, method: str, **inputs: str) -> str:
    given = {name: [value.encode()] for name, value in inputs.items()}
    [output] = client.infer("calc", given, method=method, timeout=40)["output"]
    return str(output.decode())


def again(client: Client) -> int:
    """The worker that answers once there is one."""

    def asked() -> int:
        try:
            return process(client)
        except Unavailable:
            return 0

    return until(asked)


def test_it_prints_what_it_serves(server: Server) -> None:
    printed = server.output
    assert "calc  version 1, python, 1 worker" in printed
    assert "    add(x1: float32[2], x2: float32[2]) -> (output: float32[2])\n    batched: up to 64 rows" in printed
    assert "    shout(text: str) -> (output: str)\n    row by row: up to 32 rows at a time" in printed
    assert "    net.onnx: batched: up to 32 rows" in printed
    assert "add  version 1, mindspore, 1 worker" in printed
    assert "@call" not in printed


def test_all_protocols_give_the_same(server: Server) -> None:
    expected = (X1 + X2).tolist()
    with Client(server.address) as client:
        assert client.infer("calc", {"x1": X1, "x2": X2}, method="add")["output"].tolist() == expected
    rows = [{"x1": x1, "x2": x2} for x1, x2 in zip(X1.tolist(), X2.tolist(), strict=True)]
    plain = post(server.address, "/servables/calc/add", rows).json
    assert [row["output"] for row in plain] == expected
    tensors = [
        {"name": n, "shape": [2, 2], "datatype": "FP32", "data": x.tolist()} for n, x in (("x1", X1), ("x2", X2))
    ]
    [output] = post(server.address, "/v2/models/calc.add/infer", {"inputs": tensors}).json["outputs"]
    assert (output["shape"], output["data"]) == ([2, 2], (X1 + X2).ravel().tolist())
    instances = [{"x1": x1, "x2": x2} for x1, x2 in zip(X1, X2, strict=True)]
    replies = MindSporeClient(server.address, "calc", "add").infer(instances)
    assert [reply["output"].tolist() for reply in replies] == expected


def test_a_servable_of_mindspore_serving_is_called_by_its_own_client(server: Server) -> None:
    [reply] = MindSporeClient(server.address, "add", "add_cast").infer({"x1": X1.astype(np.int32), "x2": X2})
    assert reply["y"].tolist() == (X1 + X2).tolist()


def test_a_model_between_two_functions_is_run_by_the_server(server: Server) -> None:
    assert post(server.address, "/servables/chain", {"text": "1 2"}).json == {"output": "[3.0, 6.0]"}


def test_what_workers_print_is_passed_on_with_their_names(server: Server) -> None:
    until(lambda: "[calc/1 worker 0] set up for cpu" in server.output)
    with Client(server.address) as client:
        assert text(client, "shout", text="hello") == "HELLO"
    until(lambda: "[calc/1 worker 0] shouting hello\n" in server.output)


def test_neither_numpy_nor_a_framework_is_in_the_server_itself(server: Server) -> None:
    loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
    for foreign in ("multiarray_umath", "cygrpc", "onnxruntime_pybind", "google/_upb"):
        assert foreign not in loaded


def test_a_flood_of_lines_keeps_nobody_waiting(server: Server) -> None:
    with Client(server.address) as client:
        assert text(client, "flood", lines="20000") == "done"
        assert text(client, "shout", text="heard") == "HEARD"
    until(lambda: "shouting heard" in server.output)


def test_a_worker_killed_at_work_costs_its_callers_no_time_and_nobody_else_anything(calc: Path, tmp_path: Path) -> None:
    write_servable(calc, "other", CALC)
    file = tmp_path / "there"
    file.touch()
    with running(calc) as server, Client(server.address) as client, ThreadPoolExecutor() as pool:
        worker, neighbour = process(client), process(client, "other")
        calls = [pool.submit(text, client, "wait", file=str(file)) for _ in range(3)]
        until(lambda: busy(server.address, "calc"))
        os.kill(worker, signal.SIGKILL)
        for call in calls:
            with pytest.raises(Unavailable):
                call.result(10)
        assert process(client, "other") == neighbour
        assert again(client) != worker
        until(lambda: "calc/1 worker 0 was ended by SIGKILL; it is started again in 0.1 s" in server.output)


@pytest.mark.parametrize("how", ["kill", "exit", "close"])
def test_a_worker_that_is_lost_comes_back(calc: Path, how: str) -> None:
    with running(calc) as server, Client(server.address) as client:
        worker = process(client)
        if how == "kill":
            os.kill(worker, signal.SIGKILL)
        else:
            with pytest.raises(Unavailable):
                text(client, "end", how=how)
        assert again(client) != worker
        assert until(lambda: ended(worker))
        until(lambda: "serves again" in server.output)


def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    write_servable(tmp_path, "calc", CALC, "run_timeout_s = 0.3")
    file = tmp_path / "there"
    file.touch()
    with running(tmp_path) as server, Client(server.address) as client:
        worker = process(client)
        with pytest.raises(Unavailable):
            text(client, "wait", file=str(file))
        assert again(client) != worker
        until(lambda: "was ended by SIGKILL: a batch ran for more than 0.3 s (run_timeout)" in server.output)


def test_several_workers_share_the_work(tmp_path: Path) -> None:
    write_servable(tmp_path, "calc", CALC, "workers = 2")
    files = [tmp_path / name for name in ("one", "two")]
    with running(tmp_path) as server, Client(server.address) as client, ThreadPoolExecutor() as pool:
        assert "calc  version 1, python, 2 workers" in server.output
        until(lambda: "[calc/1 worker 1] set up for cpu" in server.output)
        for file in files:
            file.touch()
        calls = [pool.submit(text, client, "wait", file=str(file)) for file in files]
        # Only a second worker can answer while the first waits.
        files[1].unlink()
        assert calls[1].result(20) == "done"
        files[0].unlink()
        assert calls[0].result(20) == "done"


def test_in_process_there_is_no_other_process(tmp_path: Path) -> None:
    write_servable(tmp_path, "calc", CALC, "in_process = true")
    with running(tmp_path) as server, Client(server.address) as client:
        assert process(client) == server.process.pid
        assert text(client, "shout", text="hello") == "HELLO"
        server.signal()
        assert server.wait(20) == 0
    assert "closing\n" in server.output


def test_a_mistake_in_one_file_is_told_with_its_line_and_stops_no_other(calc: Path) -> None:
    write_servable(calc, "broken", "import salver\n\nimport gone_and_lost\n")
    write_servable(calc, "typo", "import salver\n\n\ndef f(:\n    pass\n")
    with running(calc) as server, Client(server.address) as client:
        assert (
            f"salver: {calc}/broken/servable.py:3: ModuleNotFoundError: No module named 'gone_and_lost'"
            in server.output
        )
        assert f"salver: {calc}/typo/servable.py:4: SyntaxError" in server.output
        assert text(client, "shout", text="hello") == "HELLO"
        assert post(server.address, "/servables/broken", {"x": 1}).status == 503
        states = {each["name"]: each["versions"][0] for each in get(server.address, "/servables").json["servables"]}
        assert states["broken"]["reason"].startswith("servable.py:3: ModuleNotFoundError")


def test_one_file_is_served_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(
        "import salver\n\n\n@salver.function\ndef greet(name: str) -> str:\n    return [f'Hello, {n}' for n in name]\n"
    )
    with running(tmp_path / "hello.py") as server:
        assert post(server.address, "/servables/hello", {"name": "World"}).json == {"output": "Hello, World"}


def test_a_model_file_of_a_workers_runtime_is_a_servable(tmp_path: Path) -> None:
    folder = tmp_path / "words" / "1"
    folder.mkdir(parents=True)
    (folder / "words.table").write_text(
        '{"inputs": [{"name": "word", "dtype": "str", "dims": ["n"]}],'
        ' "outputs": [{"name": "vector", "dtype": "float32", "dims": ["n", 2]}],'
        ' "rows": {"cat": [[1, 2]], "dog": [[3, 4]]}}'
    )
    (tmp_path / "words" / "salver.toml").write_text('method = "look_up"\nbatching = true\nmax_batch_size = 8\n')
    with running(tmp_path) as server:
        assert "words  version 1, table, 1 worker\n    look_up(word: str) -> (vector: float32[2])" in server.output
        assert "batched: up to 8 rows" in server.output
        rows = [{"word": "dog"}, {"word": "cow"}, {"word": "cat"}]
        found = post(server.address, "/servables/words/look_up", rows).json
        assert (found[0], found[2]) == ({"vector": [3, 4]}, {"vector": [1, 2]})
        assert "'cow' is not in the table" in found[1]["error"]["message"]


def test_accepted_calls_are_answered_before_workers_end(calc: Path, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.touch()
    with running(calc) as server, Client(server.address) as client, ThreadPoolExecutor() as pool:
        worker = process(client)
        call = pool.submit(text, client, "wait", file=str(file))
        until(lambda: busy(server.address, "calc"))
        server.signal()
        until(lambda: "stopping: 1 call in flight" in server.output)
        file.unlink()
        assert call.result(20) == "done"
        assert server.wait(20) == 0
        assert ended(worker)
    assert server.output.endswith("[calc/1 worker 0] closing\nstopped\n")
    assert "started again" not in server.output


def test_a_call_that_is_given_up_does_not_hold_up_the_end(calc: Path, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.touch()
    options = ("--drain-timeout-s", "0.2")
    with running(calc, *options) as server, Client(server.address) as client, ThreadPoolExecutor() as pool:
        worker = process(client)
        call = pool.submit(text, client, "wait", file=str(file))
        until(lambda: busy(server.address, "calc"))
        server.signal()
        assert server.wait(20) == 1
        assert ended(worker)
        with pytest.raises(SalverError):
            call.result(20)
    assert "stopped with 1 call unanswered after 0.2 s" in server.output


def test_workers_end_with_their_server_even_if_that_is_killed(calc: Path, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.touch()
    with running(calc) as server, Client(server.address) as client, ThreadPoolExecutor() as pool:
        worker = process(client)
        call = pool.submit(text, client, "wait", file=str(file))
        until(lambda: busy(server.address, "calc"))
        server.process.kill()
        until(lambda: ended(worker))
        with pytest.raises(SalverError):
            call.result(20)


def test_a_server_that_still_loads_can_be_stopped(tmp_path: Path) -> None:
    write_servable(tmp_path, "slow", "import time\n\nprint('loading', flush=True)\ntime.sleep(1000)\n")
    command = [sys.executable, "-m", "salver", "serve", str(tmp_path), "--listen", "127.0.0.1:0"]
    server = Server(command, os.environ)
    try:
        until(lambda: "[slow/1 worker 0] loading" in server.output)
        server.signal(signal.SIGINT)
        assert server.wait(20) == 0
    finally:
        server.close()


def test_one_that_takes_for_ever_to_load_keeps_no_other_from_its_callers(tmp_path: Path) -> None:
    write_servable(tmp_path, "slow", "import time\n\ntime.sleep(1000)\n")
    write_servable(tmp_path, "calc", CALC)
    address = f"unix:{tmp_path / 'socket'}"
    server = Server([sys.executable, "-m", "salver", "serve", str(tmp_path), "--listen", address], os.environ)
    try:
        until((tmp_path / "socket").exists)
        with Client(address) as client:
            until(lambda: _serves(client))
        assert "ready after" not in server.output
    finally:
        server.close()


def _serves(client: Client) -> bool:
    try:
        return process(client) > 0
    except (NotFound, Unavailable):
        return False


def test_check_calls_every_method_and_tells_of_those_that_do_not_answer(tmp_path: Path) -> None:
    chain = write_servable(tmp_path, "chain", CHAIN.replace('"1 2"', '"one two"'))
    (chain / "net.onnx").write_bytes(b"no model")
    write_servable(tmp_path, "calc", CALC)
    ran = salver("check", str(tmp_path))
    assert ran.returncode == 1
    assert "net.onnx: is no usable ONNX model" in ran.stderr
    write_servables(tmp_path / "good")
    (tmp_path / "good" / "chain" / "servable.py").write_text(CHAIN.replace('"1 2"', '"one two"'))
    ran = salver("check", str(tmp_path / "good"))
    assert ran.returncode == 1
    assert "servable.py: 'classify' does not answer its example: " in ran.stderr
    assert "could not convert string to float: 'one'" in ran.stderr
    assert "servable.py: 'flood' refused a made-up row, perhaps rightly: " in ran.stdout
    assert ran.stdout.endswith("3 versions loaded, 1 problem\n")
