"""What strangers, wrong models and a stop at the wrong moment can do to a server: nothing that outlasts them."""

import gzip
import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from support.http import get, post
from support.models import identity, slow
from support.waiting import running as runs
from support.waiting import until

from examples.models import make_model, write
from salver.client.api import Client
from salver.testing import server as testing


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a text model, one that takes its time, and one that is damaged."""
    directory = tmp_path_factory.mktemp("few")
    write(identity(TensorProto.STRING), directory, "text")
    write(identity(TensorProto.FLOAT, "length"), directory, "any_length")
    write(slow(), directory, "slow")
    ports = [("x", TensorProto.INT64, ["n"])], [("y", TensorProto.FLOAT, ["n"])]
    look_up = helper.make_node("Gather", ["table", "x"], ["y"])
    write(make_model([look_up], *ports, [("table", np.arange(10, dtype=np.float32))]), directory, "table")
    (directory / "damaged" / "1").mkdir(parents=True)
    (directory / "damaged" / "1" / "model.onnx").write_bytes(b"no model")
    return directory


def pour(connection: socket.socket) -> None:
    """Send requests until the connection is shut."""
    request = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
    with suppress(OSError):
        while True:
            connection.sendall(request)


def drink(connection: socket.socket) -> None:
    """Read replies until the connection is shut."""
    with suppress(OSError):
        while connection.recv(1 << 20):
            pass


@contextmanager
def restless(address: str) -> Iterator[None]:
    """Connections that send requests without a pause, and read what comes back."""
    host, port = address.split(":")
    with ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            for work in (pour, drink):
                thread = threading.Thread(target=work, args=(connection,))
                thread.start()
                stack.callback(thread.join, 20)
            stack.callback(connection.shutdown, socket.SHUT_RDWR)
        yield


def test_clients_that_never_pause_do_not_keep_others_from_being_answered(few: Path) -> None:
    with testing.running(few) as server, restless(server.address), Client(server.address) as client:
        for _ in range(5):
            assert client.infer("text", {"x": ["a"]}, timeout=20)["y"].tolist() == [b"a"]


def test_why_a_model_is_not_served_is_told_without_where_it_lies(few: Path) -> None:
    with testing.running(few) as server:
        [version] = get(server.address, "/servables/damaged").json["versions"]
        assert "Protobuf parsing failed" in version["reason"]
        assert str(few) not in version["reason"]


def test_runs_that_fail_are_told_to_their_callers_alone(few: Path) -> None:
    with testing.running(few) as server:
        rows = [{"x": 3}, {"x": 99}, {"x": 4}]
        first, second, third = post(server.address, "/servables/table", rows).json
        assert (first, third) == ({"y": 3.0}, {"y": 4.0})
        assert "out of data bounds" in second["error"]["message"]
    assert "out of data bounds" not in server.output


def test_values_count_with_the_memory_that_they_take(few: Path) -> None:
    with testing.running(few, "--max-bytes-in-flight", "1MiB") as server:
        rows = json.dumps([{"x": ""}] * 50_000).encode()
        assert len(rows) < 1 << 20
        refused = post(server.address, "/servables/text", rows)
        assert (refused.status, b"--max-bytes-in-flight" in refused.body) == (429, True)
        assert post(server.address, "/servables/text", {"x": "a"}).status == 200


def test_a_small_body_that_unpacks_to_much_is_refused_and_leaves_nothing_behind(few: Path) -> None:
    bomb = gzip.compress(b" " * (3 << 20))
    with testing.running(few, "--max-message-mib", "2") as server:
        packed = {"content-encoding": "gzip"}
        refused = post(server.address, "/servables/text", bomb, packed)
        assert (refused.status, b"--max-message-mib" in refused.body) == (429, True)
        assert post(server.address, "/servables/text", gzip.compress(b'{"x": "a"}'), packed).status == 200


def test_a_server_that_ends_while_a_model_still_runs_ends_in_order(few: Path, tmp_path: Path) -> None:
    path = tmp_path / "s"
    options = ("--listen", "127.0.0.1:0", "--listen", f"unix:{path}", "--drain-timeout-s", "0.1")
    with testing.running(few, *options) as server:
        connection = socket.create_connection(tuple(server.address.split(":")), timeout=20)
        body = b'{"steps": [100000]}'
        head = b"POST /servables/slow HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body)
        until(lambda: runs(server.address, "slow"))
        server.signal(signal.SIGTERM)
        assert server.wait(20) == 1
        assert "1 call unanswered" in server.output, server.output[-600:]
        assert not path.exists()
        connection.close()
