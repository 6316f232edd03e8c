"""A server's ports, options, certificates, threads and end, on gRPC's own servers and on salver's."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.certificates import make_certificates
from support.conformance import KINDS, SYNC, Heard, serving
from support.conformance_calls import TIMEOUT_S, code_of, stub_of
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer, add_ConformanceServicer_to_server
from support.waiting import until

from salver import grpc as own

each_kind = pytest.mark.parametrize("kind", KINDS)
each_sync = pytest.mark.parametrize("kind", SYNC)


class Echo(ConformanceServicer):
    def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
        return Response(text=request.text)


@each_sync
@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "[::]:0", "0.0.0.0:0"])
def test_a_port_is_real_and_may_come_before_the_servicer(kind: str, address: str, pool: ThreadPoolExecutor) -> None:
    server = SYNC[kind](pool)
    port = server.add_insecure_port(address)
    add_ConformanceServicer_to_server(Echo(), server)  # type: ignore[no-untyped-call]
    server.start()
    channel, stub = stub_of(f"localhost:{port}")
    with channel:
        assert stub.Unary(Request(text="a"), timeout=TIMEOUT_S).text == "a"
    server.stop(None).wait(TIMEOUT_S)


@each_sync
def test_a_server_listens_on_unix_sockets(kind: str, pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    server = SYNC[kind](pool)
    addresses = [f"unix:{tmp_path}/one", f"unix://{tmp_path}/two", f"unix-abstract:{tmp_path}"]
    assert [server.add_insecure_port(each) for each in addresses] == [1, 1, 1]
    add_ConformanceServicer_to_server(Echo(), server)  # type: ignore[no-untyped-call]
    server.start()
    for address in addresses:
        channel, stub = stub_of(address)
        with channel:
            assert stub.Unary(Request(text="a"), timeout=TIMEOUT_S).text == "a"
    server.stop(None).wait(TIMEOUT_S)


@each_sync
@pytest.mark.parametrize("address", ["", "nonsense place:1", "256.0.0.1:0", "unix:/no/such/folder/socket"])
def test_an_address_that_is_none_is_refused(kind: str, address: str, pool: ThreadPoolExecutor) -> None:
    with pytest.raises(RuntimeError, match="Failed to bind to address"):
        SYNC[kind](pool).add_insecure_port(address)


@each_sync
def test_servers_share_a_port_unless_told_otherwise(kind: str, pool: ThreadPoolExecutor) -> None:
    one, other = SYNC[kind](pool), SYNC[kind](pool)
    port = one.add_insecure_port("127.0.0.1:0")
    assert other.add_insecure_port(f"127.0.0.1:{port}") == port
    alone = SYNC[kind](pool, options=[("grpc.so_reuseport", 0)])
    with pytest.raises(RuntimeError, match="Failed to bind to address"):
        alone.add_insecure_port(f"127.0.0.1:{port}")
    for server in (one, other, alone):
        server.stop(None)


@each_kind
def test_a_message_may_be_as_large_as_an_option_says(kind: str) -> None:
    with serving(kind, options=[("grpc.max_receive_message_length", 1000), ("grpc.unknown", "x")]) as place:
        channel, stub = stub_of(place.target)
        with channel:
            assert stub.Unary(Request(data=bytes(900)), timeout=TIMEOUT_S).data == bytes(900)
            assert code_of(stub.Unary, Request(data=bytes(1100))) is grpc.StatusCode.RESOURCE_EXHAUSTED


@each_kind
def test_more_calls_than_a_server_takes_are_refused(kind: str) -> None:
    with serving(kind, maximum_concurrent_rpcs=1) as place:
        channel, stub = stub_of(place.target)
        with channel:
            waiting = stub.Unary.future(Request(wish="wait"), timeout=TIMEOUT_S)
            assert place.heard.begun.acquire(timeout=TIMEOUT_S)
            assert code_of(stub.Unary) is grpc.StatusCode.RESOURCE_EXHAUSTED
            place.heard.go_on.set()
            waiting.result()


def outcome(waiting: Any) -> grpc.StatusCode | str:
    try:
        return str(waiting.result().text)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code


def refused(stub: Any) -> bool:
    try:
        stub.Unary(Request(), timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        return error.code() in ENDED
    return False


# Which of them depends on how far the call has come.
ENDED = (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


@each_kind
def test_with_grace_calls_in_flight_are_answered_and_new_ones_refused(kind: str) -> None:
    with serving(kind) as place:
        channel, stub = stub_of(place.target)
        with channel, ThreadPoolExecutor(1) as beside:
            waiting = stub.Unary.future(Request(wish="wait", text="answered"), timeout=TIMEOUT_S)
            assert place.heard.begun.acquire(timeout=TIMEOUT_S)
            stopping = beside.submit(place.stop, TIMEOUT_S)
            until(lambda: refused(stub))
            place.heard.go_on.set()
            assert outcome(waiting) == "answered"
            stopping.result(TIMEOUT_S)
            assert refused(stub)


@each_kind
@pytest.mark.parametrize("grace", [None, 0.1])
def test_calls_that_are_not_answered_in_time_are_ended_whatever_their_handlers_do(
    kind: str, grace: float | None
) -> None:
    with serving(kind) as place:
        channel, stub = stub_of(place.target)
        with channel:
            waiting = stub.Unary.future(Request(wish="wait"), timeout=TIMEOUT_S)
            assert place.heard.begun.acquire(timeout=TIMEOUT_S)
            place.stop(grace)
            assert outcome(waiting) in ENDED
            assert refused(stub)


@each_sync
def test_termination_is_waited_for(kind: str, pool: ThreadPoolExecutor) -> None:
    server = SYNC[kind](pool)
    server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(ValueError, match="Cannot start already-started server!"):
        server.start()
    assert server.wait_for_termination(0.01) is True
    assert server.stop(None).is_set()
    assert server.stop(5).wait(TIMEOUT_S)
    assert server.wait_for_termination(TIMEOUT_S) is False


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


class Peer(ConformanceServicer):
    def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
        key = context.peer_identity_key()
        return Response(text=f"{key} {context.peer_identities()} {context.auth_context()['transport_security_type']}")


@pytest.mark.parametrize("kind", ["grpcio", "salver"])
@pytest.mark.parametrize("mutual", [False, True])
def test_certificates_are_shown_and_asked_for(
    kind: str, mutual: bool, certificates: Path, pool: ThreadPoolExecutor
) -> None:
    pem = {each.name: each.read_bytes() for each in certificates.iterdir()}
    credentials = own.ssl_server_credentials([(pem["server.key"], pem["server.crt"])], pem["ca.crt"], mutual)
    server = SYNC[kind](pool)
    add_ConformanceServicer_to_server(Peer(), server)  # type: ignore[no-untyped-call]
    port = server.add_secure_port("localhost:0", credentials)
    server.start()
    own_pair = (pem["client.key"], pem["client.crt"]) if mutual else (None, None)
    channel, stub = stub_of(f"localhost:{port}", grpc.ssl_channel_credentials(pem["ca.crt"], *own_pair))
    with channel:
        said = "x509_common_name [b'client'] [b'ssl']" if mutual else "None None [b'ssl']"
        assert stub.Unary(Request(), timeout=TIMEOUT_S).text == said
    stranger, stub = stub_of(f"localhost:{port}", grpc.ssl_channel_credentials(pem["ca.crt"]))
    with stranger:
        if mutual:
            assert code_of(stub.Unary) is grpc.StatusCode.UNAVAILABLE
    server.stop(None).wait(TIMEOUT_S)


@each_kind
def test_handlers_that_wait_leave_others_alone(kind: str) -> None:
    with serving(kind) as place:
        channel, stub = stub_of(place.target)
        with channel:
            waiting = [stub.Unary.future(Request(wish="wait"), timeout=TIMEOUT_S) for _ in range(10)]
            for _ in waiting:
                assert place.heard.begun.acquire(timeout=TIMEOUT_S)
            assert stub.Unary(Request(text="a"), timeout=TIMEOUT_S).text == "a"
            place.heard.go_on.set()
            assert [each.result().text for each in waiting] == [""] * 10


@pytest.mark.parametrize("kind", ["grpcio aio", "salver aio"])
def test_plain_functions_run_in_threads_of_a_server_of_coroutines(kind: str) -> None:
    class Mixed(ConformanceServicer):
        async def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
            return Response(text=str(asyncio.get_running_loop() is not None))

        def Spread(self, request: Request, context: Any) -> Iterator[Response]:  # noqa: N802
            for number in range(request.count):
                yield Response(number=number, text=threading.current_thread().name)

        def Gather(self, request_iterator: Iterator[Request], context: Any) -> Response:  # noqa: N802
            context.set_trailing_metadata([("x-a", "b")])
            return Response(text="".join(each.text for each in request_iterator))

    def register(server: Any, _: Heard) -> None:
        add_ConformanceServicer_to_server(Mixed(), server)  # type: ignore[no-untyped-call]

    with ThreadPoolExecutor(2, "own") as pool, serving(kind, register, migration_thread_pool=pool) as place:
        channel, stub = stub_of(place.target)
        with channel:
            assert stub.Unary(Request(), timeout=TIMEOUT_S).text == "True"
            answers = list(stub.Spread(Request(count=3), timeout=TIMEOUT_S))
            assert [each.number for each in answers] == [0, 1, 2]
            assert {each.text.partition("_")[0] for each in answers} == {"own"}
            answer, call = stub.Gather.with_call(iter([Request(text="a"), Request(text="b")]), timeout=TIMEOUT_S)
            assert answer.text == "ab"
            assert ("x-a", "b") in [tuple(each) for each in call.trailing_metadata()]


@pytest.mark.parametrize("kind", ["grpcio aio", "salver aio"])
def test_a_coroutine_reads_and_writes_at_once(kind: str) -> None:
    class Both(ConformanceServicer):
        async def Chat(self, request_iterator: Any, context: Any) -> None:  # noqa: N802
            async def read() -> int:
                return len([each async for each in request_iterator])

            reading = asyncio.create_task(read())
            for _ in range(20):
                await context.write(Response(data=bytes(200_000)))
            await context.write(Response(number=await reading))

    def register(server: Any, _: Heard) -> None:
        add_ConformanceServicer_to_server(Both(), server)  # type: ignore[no-untyped-call]

    with serving(kind, register) as place:
        channel, stub = stub_of(place.target)
        with channel:
            requests = iter([Request(data=bytes(200_000)) for _ in range(20)])
            answers = list(stub.Chat(requests, timeout=TIMEOUT_S))
            assert (len(answers), answers[-1].number) == (21, 20)


def test_servers_that_share_an_address_may_be_replaced_without_a_failed_call() -> None:
    """gRPC's own client is told to go elsewhere, and does so at once."""

    def started(port: int, name: str) -> tuple[Any, int]:
        class Named(ConformanceServicer):
            def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
                return Response(text=name)

        server = own.server(ThreadPoolExecutor(4))
        add_ConformanceServicer_to_server(Named(), server)  # type: ignore[no-untyped-call]
        number = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        return server, number

    old, port = started(0, "old")
    channel, stub = stub_of(f"127.0.0.1:{port}")
    with channel:
        assert stub.Unary(Request(), timeout=TIMEOUT_S).text == "old"
        new, _ = started(port, "new")
        stopped = old.stop(TIMEOUT_S)
        answers = iter(lambda: stub.Unary(Request(), timeout=TIMEOUT_S).text, "new")
        assert set(answers) <= {"old"}
        assert stopped.wait(TIMEOUT_S)
        new.stop(None).wait(TIMEOUT_S)
