"""Calls on their way from network threads to Python's, with the clients of grpcio."""

import gc
import select
import subprocess
import sys
import threading
from collections.abc import Iterator

import grpc
import pytest
from support.service_calls import Served, serve
from support.waiting import until

from salver import _native

NOT_FOUND = 5
SECOND_S = 30


def echo(call: _native.ServiceCall) -> None:
    message = call.receive(True)
    call.finish(0, "", (), message)


def status(call: grpc.Future) -> tuple[grpc.StatusCode, str | None]:
    error = call.exception()
    assert isinstance(error, grpc.RpcError)
    return error.code(), error.details()  # type: ignore[attr-defined]


def test_calls_are_answered_by_threads(served: Served) -> None:
    served.answer(echo, threads=4)
    calls = [served.begin(str(number).encode()) for number in range(500)]
    assert [call.result() for call in calls] == [str(number).encode() for number in range(500)]


def test_a_thread_that_is_busy_holds_back_no_other(served: Served) -> None:
    met = threading.Barrier(4)

    def meet(call: _native.ServiceCall) -> None:
        met.wait(SECOND_S)
        echo(call)

    served.answer(meet, threads=4)
    calls = [served.begin() for _ in range(4)]
    assert [call.result() for call in calls] == [b""] * 4


def test_what_is_known_of_a_call(served: Served) -> None:
    metadata = (("k", "v"), ("k", "w"), ("b-bin", b"\0\xff"))
    begun = served.channel.unary_unary("/s.S/unary").future(b"", metadata=metadata, timeout=SECOND_S)
    call = served.take()
    assert call.path == "/s.S/unary"
    assert [pair for pair in call.metadata if pair[0] != "user-agent"] == list(metadata)
    assert call.peer.startswith("ipv4:127.0.0.1:")
    assert call.auth_context == {"transport_security_type": [b"insecure"], "security_level": [b"TSI_SECURITY_NONE"]}
    left = call.time_remaining()
    assert left is not None
    # gRPC's client rounds time-outs up to a tenth of a second.
    assert 0 < left <= SECOND_S + 0.1
    assert call.is_active()
    call.finish(0, "", ())
    assert not call.is_active()
    del begun


def test_metadata_and_status(served: Served) -> None:
    begun = served.begin()
    call = served.take()
    assert call.send_metadata([("first", "one")])
    with pytest.raises(ValueError, match="once"):
        call.send_metadata([])
    with pytest.raises(ValueError, match="lower-case"):
        call.finish(NOT_FOUND, "", [("Key", "v")])
    assert call.finish(NOT_FOUND, "50% of\n'é'", [("x-bin", b"\0"), ("y", "z")])
    assert not call.finish(0, "", ())
    assert status(begun) == (grpc.StatusCode.NOT_FOUND, "50% of\n'é'")
    assert list(begun.initial_metadata()) == [("first", "one")]
    assert list(begun.trailing_metadata()) == [("x-bin", b"\0"), ("y", "z")]


@pytest.mark.parametrize(
    "compression", [grpc.Compression.Gzip, grpc.Compression.Deflate, grpc.Compression.NoCompression]
)
def test_compressed_messages_both_ways(served: Served, compression: grpc.Compression) -> None:
    message = bytes(100_000)
    begun = served.channel.unary_unary("/s.S/unary").future(message, compression=compression)
    call = served.take()
    assert call.receive(True) == message
    call.send_metadata([], int(compression))
    call.finish(0, "", (), message)
    assert begun.result() == message


def test_messages_of_all_sizes_both_ways(served: Served) -> None:
    served.answer(echo)
    for size in (0, 1, 65_535, 65_536, 3_000_000):
        assert served.begin(bytes(size)).result() == bytes(size)


def test_streams_both_ways(served: Served) -> None:
    def double(call: _native.ServiceCall) -> None:
        while (message := call.receive(True)) is not None:
            assert call.send(message * 2, True)
        call.finish(0, "", ())

    served.answer(double)
    replies = served.channel.stream_stream("/s.S/both")(str(number).encode() for number in range(1000))
    assert list(replies) == [str(number).encode() * 2 for number in range(1000)]


def test_receiving_without_waiting_tells_nothing_from_the_end(served: Served) -> None:
    done = threading.Event()

    def requests() -> Iterator[bytes]:
        yield b"one"
        done.wait(SECOND_S)

    begun = served.channel.stream_unary("/s.S/in").future(requests())
    call = served.take()
    assert call.receive(True) == b"one"
    with pytest.raises(BlockingIOError, match="no message"):
        call.receive(False)
    done.set()
    assert call.receive(True) is None
    call.finish(0, "", (), b"all")
    assert begun.result() == b"all"
    with pytest.raises(ConnectionError, match="over"):
        call.receive(False)


def test_a_caller_who_does_not_read_stops_the_handler(served: Served) -> None:
    replies = served.channel.unary_stream("/s.S/out")(b"")
    call = served.take()
    sent = 0
    while call.send(bytes(100_000), False):
        sent += 1
        assert sent < 1000
    assert call.is_active()
    waiting = threading.Thread(target=lambda: call.send(b"last", True) and call.finish(0, "", ()))
    waiting.start()
    received = [len(reply) for reply in replies]
    waiting.join()
    assert received == [100_000] * sent + [4]


def test_a_call_that_is_dropped_is_answered(served: Served) -> None:
    begun = served.begin()
    call = served.take()
    del call
    gc.collect()
    code, details = status(begun)
    assert code == grpc.StatusCode.UNKNOWN
    assert details == "the handler of /s.S/unary was dropped without an answer"


def test_a_handler_may_cancel(served: Served) -> None:
    begun = served.begin()
    served.take().cancel()
    with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
        begun.result()
    assert begun.code() == grpc.StatusCode.CANCELLED


def test_a_handler_learns_that_its_caller_has_left(served: Served) -> None:
    begun = served.channel.unary_stream("/s.S/out")(b"")
    call = served.take()
    over = threading.Event()
    assert call.on_end(over.set)
    begun.cancel()
    assert over.wait(SECOND_S)
    assert not call.is_active()
    assert not call.send(b"late", True)
    assert not call.finish(0, "", ())
    assert not call.on_end(over.clear)
    assert over.is_set()
    until(lambda: served.calls.in_flight() == 0)


def test_a_deadline_ends_a_call_that_nobody_answers(served: Served) -> None:
    begun = served.begin(timeout=0.1)
    call = served.take()
    assert status(begun)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: not call.is_active())
    assert call.time_remaining() == 0


def test_callbacks_are_run_by_whoever_ends_the_call(served: Served) -> None:
    begun = served.begin()
    call = served.take()
    ran: list[threading.Thread] = []
    call.on_end(lambda: ran.append(threading.current_thread()))
    call.finish(0, "", ())
    assert ran == [threading.current_thread()]
    begun.result()


def test_there_are_as_many_calls_as_the_limit_says() -> None:
    served = serve(_native.Calls(1))
    first = served.begin()
    call = served.take()
    assert status(served.begin()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")
    call.finish(0, "", ())
    first.result()
    served.close()


def test_a_wait_has_an_end(served: Served) -> None:
    assert served.calls.take(0) is None
    with pytest.raises(ValueError, match="timeout_s"):
        served.calls.take(-1)


def test_closing_refuses_what_waits(served: Served) -> None:
    taken = served.begin()
    call = served.take()
    waiting = served.begin()
    until(lambda: served.calls.in_flight() == 2)
    served.calls.close()
    assert status(waiting)[0] == grpc.StatusCode.UNAVAILABLE
    assert served.calls.take() is None
    call.finish(0, "", (), b"done")
    assert taken.result() == b"done"


def test_other_paths_may_be_answered_too(served: Served) -> None:
    unknown = served.channel.unary_unary("/other.O/method")
    with pytest.raises(grpc.RpcError, match="Method not found!"):
        unknown(b"")
    served.server.serve_services([], served.calls, True)
    begun = unknown.future(b"what")
    call = served.take()
    assert (call.path, call.receive(True), call.receive(True)) == ("/other.O/method", b"what", None)
    call.finish(0, "", (), b"that")
    assert begun.result() == b"that"


def events(served: Served) -> list[tuple[_native.ServiceCall, str]]:
    """What happens next."""
    assert select.select([served.calls.fileno()], [], [], SECOND_S)[0], "nothing happened"
    return served.calls.events()


def begun(served: Served) -> _native.ServiceCall:
    """The call that begins next, for an event loop."""
    [(call, what)] = events(served)
    assert what == "begun"
    return call


def test_an_event_loop_is_told_of_messages(served: Served) -> None:
    served.calls.fileno()
    proceed = threading.Semaphore(0)

    def requests() -> Iterator[bytes]:
        for number in range(2):
            proceed.acquire(timeout=SECOND_S)
            yield str(number).encode()

    replies = served.channel.stream_stream("/s.S/both")(requests())
    call = begun(served)
    for expected in (b"0", b"1"):
        with pytest.raises(BlockingIOError):
            call.receive(False)
        proceed.release()
        assert events(served)[0] == (call, "readable")
        assert call.receive(False) == expected
    call.finish(0, "", ())
    assert list(replies) == []


def test_an_event_loop_is_told_of_room_and_of_the_end(served: Served) -> None:
    served.calls.fileno()
    replies = served.channel.unary_stream("/s.S/out")(b"")
    call = begun(served)
    while call.send(bytes(100_000), False):
        pass
    reading = threading.Thread(target=lambda: [next(replies) for _ in range(2)])
    reading.start()
    assert events(served) == [(call, "writable")]
    assert call.send(b"", False)
    reading.join()
    replies.cancel()
    while (call, "ended") not in events(served):
        pass
    assert not call.is_active()


BUSY_SERVER = """
import threading
from salver import _native
from salver.config.settings import Config, native_settings

server, calls = _native.Server(native_settings(Config())), _native.Calls()
server.serve_services([("s.S", [("unary", False, False)], None)], calls)

def work():
    while (call := calls.take()) is not None:
        call.on_end(lambda: None)
        call.finish(0, "", (), call.receive(True))

for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
print(server.listen("127.0.0.1:0", None), flush=True)
input()
"""


def test_a_process_that_ends_under_its_threads_ends_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY_SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    with grpc.insecure_channel(process.stdout.readline().decode().strip()) as channel:
        assert channel.unary_unary("/s.S/unary")(b"x") == b"x"
        _, printed = process.communicate(b"\n", timeout=SECOND_S)
    assert (process.returncode, printed) == (0, b"")
