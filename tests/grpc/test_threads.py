"""The user's pool of threads stays the user's."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer, ConformanceStub, add_ConformanceServicer_to_server

from salver import grpc as own

_TIMEOUT_S = 20.0


class Threads(ConformanceServicer):
    """Tells the thread that answers, and waits if it is asked to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = threading.Semaphore(0)

    def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
        if request.wish:
            self.begun.release()
            self.go_on.wait(_TIMEOUT_S)
        return Response(text=threading.current_thread().name)


@contextmanager
def served(pool: Executor) -> Iterator[tuple[Any, Threads, Any]]:
    """A server on the pool; gives a stub, the servicer and the server."""
    server = own.server(pool)
    servicer = Threads()
    add_ConformanceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ConformanceStub(channel), servicer, server  # type: ignore[no-untyped-call]
    servicer.go_on.set()
    server.stop(None).wait(_TIMEOUT_S)


def test_handlers_run_in_its_threads_which_were_prepared_by_its_initializer() -> None:
    prepared: list[str] = []
    pool = ThreadPoolExecutor(2, "own", initializer=lambda: prepared.append(threading.current_thread().name))
    with pool, served(pool) as (stub, _, _):
        answered = {stub.Unary(Request(), timeout=_TIMEOUT_S).text for _ in range(20)}
        assert answered <= set(prepared)
        assert all(name.startswith("own") for name in answered)


def test_as_many_calls_run_at_once_as_it_has_threads() -> None:
    with ThreadPoolExecutor(3) as pool, served(pool) as (stub, servicer, _):
        calls = [stub.Unary.future(Request(wish="wait"), timeout=_TIMEOUT_S) for _ in range(5)]
        for _ in range(3):
            assert servicer.begun.acquire(timeout=_TIMEOUT_S)
        assert not servicer.begun.acquire(timeout=0.05)
        servicer.go_on.set()
        assert len({each.result().text for each in calls}) == 3


def test_other_tasks_of_it_are_run_between_calls() -> None:
    with ThreadPoolExecutor(1) as pool, served(pool) as (stub, _, _):
        for _ in range(3):
            stub.Unary(Request(), timeout=_TIMEOUT_S)
            assert pool.submit(lambda: "done").result(_TIMEOUT_S) == "done"


def test_two_servers_may_share_it() -> None:
    with ThreadPoolExecutor(1) as pool, served(pool) as (one, _, _), served(pool) as (other, _, _):
        for _ in range(5):
            assert one.Unary(Request(), timeout=_TIMEOUT_S).text == other.Unary(Request(), timeout=_TIMEOUT_S).text


class Watched(ThreadPoolExecutor):
    """Sees everything that it is given."""

    def __init__(self) -> None:
        super().__init__(2)
        self.given = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.given += 1
        return super().submit(fn, *args, **kwargs)


def test_a_pool_that_looks_at_what_it_is_given_gets_call_by_call() -> None:
    with Watched() as pool, served(pool) as (stub, _, _):
        for _ in range(5):
            stub.Unary(Request(), timeout=_TIMEOUT_S)
        assert pool.given == 5


def test_calls_are_refused_once_it_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    pool = ThreadPoolExecutor(1)
    with served(pool) as (stub, _, _):
        pool.shutdown()
        with pytest.raises(grpc.RpcError, match="the server's thread pool has ended"):
            stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert "was refused" in caplog.text
