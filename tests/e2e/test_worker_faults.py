"""What a worker's code can do to its callers, neighbours and server: fail its own rows, and at worst its worker."""

import http.client
import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.http import post
from support.waiting import running as busy
from support.waiting import until
from workers.processes import ended

from salver.client.api import Client
from salver.client.errors import ServerFailed
from salver.testing.server import Server, running

ROW_FAILS = {
    "sys.exit": "SystemExit: 4",
    "KeyboardInterrupt": "KeyboardInterrupt: ",
    "GeneratorExit": "GeneratorExit: ",
    "CancelledError": "CancelledError: ",
    "StopAsyncIteration": "StopAsyncIteration: 3",
    "Panic": "Panic: ",
    "Mute": "Mute, which cannot say what is wrong",
    "MemoryError": "MemoryError",
    "RecursionError": "RecursionError: maximum recursion depth",
    "half a letter": "ValueError: file \\udc80 is gone",
    "a long text": "xxx ... (",
    "an odd text": "ValueError: a\r\nb\0c\x7f%41 grüß 😀",
}
WORKER_ENDS = ("os._exit", "abort", "segfault", "close the link", "close everything")
HARMLESS = (
    "use a forked pool",
    "chdir",
    "ignore signals",
    "forget modules",
    "forget the environment",
    "leave a thread",
    "leave a process",
    "fill memory",
    "write a long line",
    "ring for ever",
    "close the output",
)
GIFTS = {
    "fewer": "float32[0, 2]",
    "more": "float32[2, 2]",
    "another dtype": "float64[1, 2]",
    "another shape": "float32[1, 3]",
    "one number": "float32",
    "objects": "object",
    "ragged lists": "numpy cannot read",
    "complex": "complex64[1, 2]",
    "dates": "datetime64",
    "records": "a",
    "texts": "",
    "long doubles": "[1, 2]",
    "nothing": "gave nothing",
    "a class": "type",
    "itself": "a dict",
    "a generator": "a generator",
    "a tuple": "float32[2, 1, 2]",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Servables that tests may harm; what they import from each other lies beside each."""
    source = Path(__file__).with_name("faults")
    shutil.copytree(source, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("torment", "awaiting"):
        shutil.copy(source / "deeds.py", tmp_path / name)
    (tmp_path / "deeds.py").unlink()
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with running(folder) as server:
        yield server


@pytest.fixture
def address(server: Server) -> str:
    return server.address


def worker(address: str, servable: str = "torment") -> int:
    """The worker that answers, once there is one."""
    reply = until(
        lambda: (reply := post(address, f"/servables/{servable}/process", {"text": "?"})).status == 200 and reply
    )
    process: int = reply.json["output"]
    return process


def do(address: str, what: str, servable: str = "torment") -> Any:
    return post(address, f"/servables/{servable}/do", {"what": what}).json


def events(address: str, what: str, servable: str) -> str:
    row = {"what": what, "after": 2}
    reply = post(address, f"/servables/{servable}/items", row, {"Accept": "text/event-stream"})
    assert reply.status == 200
    return reply.body.decode()


def calm(address: str) -> bool:
    return bool(post(address, "/servables/calm/double", {"x": 4}).json == {"output": 8})


def test_whatever_is_raised_fails_its_row_and_no_worker(address: str) -> None:
    for servable in ("torment", "awaiting"):
        process = worker(address, servable)
        for what, text in ROW_FAILS.items():
            error = do(address, what, servable)["error"]
            assert error["code"] == "INTERNAL"
            assert f"Function '{servable}.do', stage 1 of method 'do', failed: " in error["message"]
            assert text in error["message"]
            assert len(error["message"]) < 10_000
        assert worker(address, servable) == process


def test_whatever_is_raised_ends_a_sequence_and_no_worker(address: str) -> None:
    for servable in ("torment", "awaiting"):
        process = worker(address, servable)
        for what in ROW_FAILS:
            told = events(address, what, servable)
            assert told.startswith('data: {"output":0}\n\ndata: {"output":1}\n\nevent: error\n'), what
            assert told.count("\n\n") == 3
        assert worker(address, servable) == process


def test_the_other_rows_of_a_batch_are_answered(address: str) -> None:
    for what in ROW_FAILS:
        rows = post(address, "/servables/torment/do", [{"what": w} for w in ("nothing", what, "nothing")]).json
        assert [set(row) for row in rows] == [{"output"}, {"error"}, {"output"}]


def test_over_grpc_the_text_is_as_long_as_a_client_takes(address: str) -> None:
    with Client(address) as client:
        for what in ROW_FAILS:
            with pytest.raises(ServerFailed):
                client.infer("torment", {"what": [what]}, method="do", timeout=20)


def test_what_is_no_output_is_told_as_what_it_is(address: str) -> None:
    process = worker(address)
    for what, told in GIFTS.items():
        reply = post(address, "/servables/torment/give", {"what": what})
        message = reply.json["error"]["message"]
        assert (reply.status, told in message, "promised float32[1, 2]" in message) == (500, True, True), message
    assert worker(address) == process


@pytest.mark.parametrize("what", WORKER_ENDS)
def test_a_worker_that_ends_costs_its_own_calls(server: Server, folder: Path, what: str) -> None:
    address, gate = server.address, folder / "torment" / "gate"
    for servable in ("torment", "awaiting"):
        process = worker(address, servable)
        gate.touch()
        # Nobody can have waited for the next worker: that waits for the gate.
        assert do(address, what, servable)["error"]["code"] == "UNAVAILABLE"
        assert calm(address)
        gate.unlink()
        assert worker(address, servable) != process
        assert until(lambda p=process: ended(p))


@pytest.mark.parametrize("what", ["os._exit", "close the link"])
def test_a_sequence_that_loses_its_worker_ends_with_an_error(address: str, what: str) -> None:
    for servable in ("torment", "awaiting"):
        told = events(address, what, servable)
        assert told.startswith('data: {"output":0}\n\ndata: {"output":1}\n\nevent: error\n')
        assert "UNAVAILABLE" in told


def test_what_is_done_to_a_workers_own_process_stays_there(server: Server) -> None:
    address = server.address
    process = worker(address)
    for what in HARMLESS:
        assert do(address, what) == {"output": "done"}, what
        assert calm(address)
    assert worker(address) == process
    until(lambda: "(49991808 bytes more)" in server.output)
    server.signal()
    assert server.wait(30) == 0
    assert ended(process)


def test_a_flood_of_lines_is_cut(server: Server) -> None:
    assert do(server.address, "write many lines") == {"output": "done"}
    assert calm(server.address)
    do(server.address, "sys.exit")
    until(lambda: "199999" in server.output or "lines dropped: they came too fast" in server.output)


def test_calls_in_every_state_are_answered_when_their_worker_is_killed(folder: Path) -> None:
    """One is half answered, one runs, one is sent, and many wait."""
    with running(folder) as server, ThreadPoolExecutor(30) as pool:
        address, gate = server.address, folder / "torment" / "gate"
        process = worker(address)
        connection = http.client.HTTPConnection(address, timeout=20)
        row = {"what": "nothing", "after": 10**9}
        connection.request("POST", "/servables/torment/items", json.dumps(row), {"Accept": "text/event-stream"})
        reply = connection.getresponse()
        assert reply.read(6) == b"data: "
        gate.touch()
        calls = [pool.submit(post, address, "/servables/torment/wait", {"file": str(gate)}) for _ in range(20)]
        until(lambda: busy(address, "torment"))
        os.kill(process, signal.SIGKILL)
        assert {call.result(20).status for call in calls} == {503}
        assert reply.read().endswith(b"\n\n")
        connection.close()
        assert calm(address)
        gate.unlink()
        assert worker(address) != process


@pytest.mark.parametrize("at_work", [True, False])
def test_a_worker_that_stands_still_is_replaced(folder: Path, at_work: bool) -> None:
    (folder / "torment" / "salver.toml").write_text("run_timeout_s = 0.5")
    with running(folder) as server, ThreadPoolExecutor() as pool:
        address, gate = server.address, folder / "torment" / "gate"
        process = worker(address)
        calls: list[Future[Any]] = []
        if at_work:
            gate.touch()
            calls.append(pool.submit(post, address, "/servables/torment/wait", {"file": str(gate)}))
            until(lambda: busy(address, "torment"))
        os.kill(process, signal.SIGSTOP)
        calls += [pool.submit(post, address, "/servables/torment/do", {"what": "nothing"}) for _ in range(5)]
        assert {call.result(20).status for call in calls} == {503}
        assert calm(address)
        gate.unlink(missing_ok=True)
        assert worker(address) != process


def test_a_worker_that_stands_still_does_not_hold_up_the_end(server: Server) -> None:
    process = worker(server.address)
    os.kill(process, signal.SIGSTOP)
    server.signal()
    assert server.wait(30) == 0
    assert ended(process)


def test_a_child_that_outlives_its_worker_holds_nothing_of_the_server(server: Server, address: str) -> None:
    process = worker(address)
    child = int(post(address, "/servables/torment/fork", {"text": ""}).json["output"])
    try:
        os.kill(process, signal.SIGKILL)
        assert until(lambda: ended(process))
        assert worker(address) != process
        server.signal()
        assert server.wait(30) == 0
        assert not ended(child)
        host, port = address.split(":")
        with socket.create_server((host, int(port))):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_file_that_is_gone_is_no_end_of_what_runs(server: Server, folder: Path, address: str) -> None:
    process, file = worker(address), folder / "torment" / "servable.py"
    code = file.read_text()
    assert post(address, "/servables/torment/remove", {"file": ""}).status == 200
    assert worker(address) == process
    os.kill(process, signal.SIGKILL)
    until(lambda: "could not be loaded again" in server.output)
    assert calm(address)
    file.write_text(code)
    assert worker(address) != process


def test_inputs_that_are_kept_for_ever_cost_memory_and_no_answer(address: str) -> None:
    with Client(address) as client:
        for number in range(100):
            x = np.full((1, 2**18), number, np.float32)
            [output] = client.infer("torment", {"x": x}, method="keep", timeout=20)["output"]
            assert (output == number + 1).all()
        [first] = client.infer("torment", {"x": x}, method="again", timeout=20)["output"]
        assert (first == 0).all()
    assert calm(address)
