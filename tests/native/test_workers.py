"""Calls that are answered by worker processes, each with a server of its own on a Unix socket."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support.service_calls import METHODS, Served, serve

from salver import _native

WORKER = """
import os, sys, time
from salver import _native
from salver.config.settings import Config, native_settings

server, calls = _native.Server(native_settings(Config())), _native.Calls()
server.serve_services([("s.S", [("unary", False, False)], None)], calls)
server.listen("unix:" + sys.argv[1], None)
print("ready", flush=True)
while (call := calls.take()) is not None:
    message = call.receive(True)
    if message == b"wait":
        print("waits", flush=True)
        continue_never = sys.stdin.read()
    call.finish(0, "", (), str(os.getpid()).encode())
"""


class Worker:
    def __init__(self, socket: Path) -> None:
        self.socket = str(socket)
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, self.socket], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.expect("ready")

    def expect(self, line: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == line

    @property
    def name(self) -> bytes:
        return str(self.process.pid).encode()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[Worker]]:
    workers = [Worker(tmp_path / str(number)) for number in range(2)]
    yield workers
    for worker in workers:
        worker.kill()


@pytest.fixture
def front(workers: list[Worker]) -> Iterator[tuple[Served, _native.Workers]]:
    served, table = serve(_native.Calls()), _native.Workers()
    served.server.serve_services([("s.S", METHODS, None)], served.calls, workers={"s.S": table})
    for worker in workers:
        table.add(worker.socket)
    yield served, table
    served.close()


def test_workers_share_the_calls(front: tuple[Served, _native.Workers], workers: list[Worker]) -> None:
    served, table = front
    assert table.sockets() == [worker.socket for worker in workers]
    names = {call.result() for call in [served.begin() for _ in range(50)]}
    assert names == {worker.name for worker in workers}


def test_a_worker_that_dies_costs_its_callers_only(
    front: tuple[Served, _native.Workers], workers: list[Worker], tmp_path: Path
) -> None:
    served, table = front
    dying, other = workers
    table.remove(other.socket)
    waiting = served.begin(b"wait")
    dying.expect("waits")
    table.add(other.socket)
    dying.kill()
    error = waiting.exception()
    assert isinstance(error, grpc.RpcError)
    assert error.code() == grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]
    assert error.details() == "the worker that answered /s.S/unary was lost; call it again"  # type: ignore[attr-defined]
    assert {served.begin().result() for _ in range(10)} == {other.name}
    assert table.sockets() == [other.socket]

    workers.append(Worker(tmp_path / "0"))
    table.add(workers[-1].socket)
    table.remove(other.socket)
    assert served.begin().result() == workers[-1].name


def test_without_workers_calls_are_refused(front: tuple[Served, _native.Workers], workers: list[Worker]) -> None:
    served, table = front
    for worker in workers:
        table.remove(worker.socket)
    error = served.begin().exception()
    assert isinstance(error, grpc.RpcError)
    assert error.details() == "no worker is ready to answer /s.S/unary"  # type: ignore[attr-defined]
