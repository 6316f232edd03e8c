"""Servicers that run in worker processes of their server."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.conformance_pb2 import Request
from support.conformance_pb2_grpc import ConformanceServicer, ConformanceStub, add_ConformanceServicer_to_server
from support.conformance_workers import AsyncWorking, Working
from support.paths import ROOT
from support.waiting import until

import salver
from salver import grpc as own

_TIMEOUT_S = 20.0


@contextmanager
def served(servicer: Any, **options: Any) -> Iterator[Any]:
    """A stub for a server with this servicer."""
    server = own.server(ThreadPoolExecutor(4), **options)
    add_ConformanceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    try:
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield ConformanceStub(channel)  # type: ignore[no-untyped-call]
    finally:
        server.stop(None).wait(_TIMEOUT_S)


def processes(stub: Any, calls: int) -> set[int]:
    """Those that answer calls which are made all at once."""
    running = [stub.Unary.future(Request(), timeout=_TIMEOUT_S) for _ in range(calls)]
    return {each.result().number for each in running}


def outcome(stub: Any) -> object:
    """The process that answers a call, or the status that it ends with."""
    try:
        return stub.Unary(Request(), timeout=_TIMEOUT_S).number
    except grpc.RpcError as error:
        return error.code()


def test_calls_are_shared_by_so_many_processes() -> None:
    with served(salver.per_worker(Working, "hello "), workers=2) as stub:
        answer = stub.Unary(Request(), metadata=[("x-name", "ada")], timeout=_TIMEOUT_S)
        assert answer.text == "hello ada"
        assert stub.Unary(Request(wish="peer"), timeout=_TIMEOUT_S).text.startswith("ipv4:127.0.0.1:")
        found: set[int] = set()
        until(lambda: found.update(processes(stub, 20)) or len(found) == 2)
        assert os.getpid() not in found


def test_everything_passes_through() -> None:
    with served(salver.per_worker(Working)) as stub:
        answers = list(stub.Chat(iter([Request(text="a"), Request(text="b")]), timeout=_TIMEOUT_S))
        assert [each.text for each in answers] == ["a", "b"]
        with pytest.raises(grpc.RpcError) as caught:
            stub.Unary(Request(wish="abort", text="50 %"), timeout=_TIMEOUT_S)
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.ABORTED, "50 %")
        assert ("x-a", "b") in [tuple(each) for each in caught.value.trailing_metadata()]
        with pytest.raises(grpc.RpcError) as caught:
            stub.Gather(iter([]), timeout=_TIMEOUT_S)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("size", [200_000, 70_000_000])
def test_a_servicer_may_be_made_with_as_much_as_one_likes(size: int) -> None:
    with served(salver.per_worker(Working, "x" * size), workers=2) as stub:
        assert stub.Unary(Request(wish="size"), timeout=_TIMEOUT_S).number == size


def test_more_calls_than_all_of_them_take_are_refused() -> None:
    with served(salver.per_worker(Working), workers=2, maximum_concurrent_rpcs=2) as stub:
        ended = threading.Event()
        chats = [stub.Chat(held_open(ended), timeout=_TIMEOUT_S) for _ in range(2)]
        assert len({next(chat).number for chat in chats}) == 2
        assert outcome(stub) is grpc.StatusCode.RESOURCE_EXHAUSTED
        ended.set()
        assert [list(chat) for chat in chats] == [[], []]
        until(lambda: isinstance(outcome(stub), int))


def held_open(ended: threading.Event) -> Iterator[Request]:
    yield Request()
    ended.wait(_TIMEOUT_S)


def test_a_worker_that_ends_fails_its_calls_and_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    with served(salver.per_worker(Working)) as stub:
        [before] = processes(stub, 1)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Unary(Request(wish="end"), timeout=_TIMEOUT_S)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        until(lambda: outcome(stub) is not grpc.StatusCode.UNAVAILABLE)
        assert outcome(stub) not in (before, grpc.StatusCode.UNAVAILABLE)
    printed = capfd.readouterr().err
    assert "salver: worker 0 was ended by SIGKILL; it is started again in 0.1 s" in printed
    assert "salver: worker 0 serves again" in printed


def test_a_servicer_that_cannot_be_made_is_told_at_the_start(tmp_path: Path) -> None:
    fails_with = tmp_path / "reason"
    fails_with.write_text("no weights")
    with (
        pytest.raises(RuntimeError, match="ValueError: no weights"),
        served(salver.per_worker(Working, fails_with=fails_with), workers=2),
    ):
        pass


@pytest.mark.parametrize("kind", ["threads", "event loop"])
def test_a_start_that_failed_may_be_repeated(tmp_path: Path, kind: str) -> None:
    fails_with = tmp_path / "reason"

    async def attempt() -> None:
        server: Any = own.server(ThreadPoolExecutor(1)) if kind == "threads" else own.aio.server()
        servicer = salver.per_worker(Working, fails_with=fails_with)
        add_ConformanceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
        port = server.add_insecure_port("127.0.0.1:0")
        for _ in range(2):
            fails_with.write_text("no weights")
            with pytest.raises(RuntimeError, match="ValueError: no weights"):
                await done(server.start())
        fails_with.unlink()
        await done(server.start())
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await ConformanceStub(channel).Unary(Request(), timeout=_TIMEOUT_S)  # type: ignore[no-untyped-call]
        await done(server.stop(None))

    asyncio.run(attempt())


@pytest.mark.parametrize("kind", ["threads", "event loop"])
def test_a_server_whose_start_failed_when_it_had_addresses_is_not_started_again(kind: str) -> None:
    async def attempt() -> None:
        server: Any = own.server(ThreadPoolExecutor(1)) if kind == "threads" else own.aio.server()
        credentials = own.ssl_server_credentials([(b"no key", b"no certificate")])
        server.add_secure_port("127.0.0.1:0", credentials)
        with pytest.raises(ValueError, match="certificate"):
            await done(server.start())
        with pytest.raises((ValueError, grpc.aio.UsageError), match=r"Cannot start|not in ready state"):
            await done(server.start())

    asyncio.run(attempt())


async def done(either: Any) -> Any:
    """What a method of a server gives, of either kind."""
    return await either if asyncio.iscoroutine(either) else either


def test_an_instance_cannot_run_in_workers() -> None:
    with pytest.raises(TypeError, match=r"per_worker\(Working\(...\)\) was given an instance"):
        salver.per_worker(Working())  # type: ignore[arg-type]
    with (
        pytest.raises(ValueError, match="cannot run in 2 workers: its servicer is an instance"),
        served(Working(), workers=2),
    ):
        pass


@pytest.mark.parametrize("workers", [0, -1, 1.5])
def test_a_number_of_workers_that_cannot_be_is_refused(workers: Any) -> None:
    for server in (own.server, own.aio.server):
        with pytest.raises(ValueError, match="give a whole number from 1 on"):
            server(ThreadPoolExecutor(1), workers=workers)


def test_a_class_that_others_cannot_import_is_refused() -> None:
    class Local(ConformanceServicer):
        pass

    with (
        pytest.raises(ValueError, match="define the class, and what it is made with, at the top level"),
        served(salver.per_worker(Local)),
    ):
        pass


def test_a_server_of_grpcs_own_says_who_runs_such_a_servicer() -> None:
    servicer = salver.per_worker(Working)
    with pytest.raises(RuntimeError, match="is run by worker processes of salver's own server"):
        servicer.Unary(Request(), None)
    with pytest.raises(AttributeError, match="Working has no method 'Other'"):
        servicer.Other  # noqa: B018


def test_coroutines_run_in_workers() -> None:
    async def numbers() -> set[int]:
        server = own.aio.server(workers=1)
        add_ConformanceServicer_to_server(salver.per_worker(AsyncWorking), server)  # type: ignore[no-untyped-call]
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = await ConformanceStub(channel).Unary(Request(), timeout=_TIMEOUT_S)  # type: ignore[no-untyped-call]
        await server.stop(None)
        return {answer.number}

    assert os.getpid() not in asyncio.run(numbers())


_SCRIPT = """
import os
from concurrent.futures import ThreadPoolExecutor
import salver
from salver import grpc
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer, ConformanceStub, add_ConformanceServicer_to_server

class Servicer(ConformanceServicer):
    def Unary(self, request, context):
        return Response(number=os.getppid())

server = grpc.server(ThreadPoolExecutor(2), workers=2)
add_ConformanceServicer_to_server(salver.per_worker(Servicer), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    print(ConformanceStub(channel).Unary(Request(), timeout=10).number == os.getpid())
"""


def test_a_class_of_the_script_itself_needs_no_guard(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(_SCRIPT, encoding="utf-8")
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    ran = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("True\n", "", 0)
