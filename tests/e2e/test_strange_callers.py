"""What callers of Python servables can send, or not read: nothing of it harms a worker."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from support.http import post
from support.protocols import PROTOCOLS, Refused
from support.servables import write_servable
from support.waiting import until

from salver.client.api import Client
from salver.client.errors import InvalidCall, ServerFailed
from salver.testing.server import Server, running

CODE = """
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Int64

import salver


@salver.servable
class Strange:
    def number(self, x: int) -> int:
        return x

    def about(self, key: str, context: salver.Context) -> salver.Json:
        return context.metadata.get(key)

    def document(self, d: salver.Json) -> salver.Json:
        return d

    def optional(self, x: int = 5, y: str = "q", z: int | None = None) -> salver.Json:
        return [x, y, z]

    def letters(self, count: int) -> Iterator[str]:
        try:
            for _ in range(count):
                yield "x" * 10_000
        finally:
            print("letters end")

    @salver.function
    def rank(self, x: Float32[np.ndarray, "..."]) -> Int64[np.ndarray, ""]:
        return np.full(len(x), x.ndim)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("strange")
    write_servable(folder, "strange", CODE)
    with running(folder) as server:
        yield server


@pytest.fixture
def address(server: Server) -> str:
    return server.address


def number(address: str) -> bool:
    return bool(post(address, "/servables/strange/number", {"x": 3}).json == {"output": 3})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_request_for_one_answer_gets_no_sequence(address: str, protocol: str) -> None:
    remedy = "answers with a sequence, which this request cannot take"
    with pytest.raises(Refused, match=remedy) as refused:
        PROTOCOLS[protocol](address, "strange.letters", [{"count": 3}])
    assert "unsupported" in refused.value.kinds


@pytest.mark.parametrize("text", ["{}", '{"x": null}', '{"x": null, "y": null, "z": null}'])
def test_null_stands_for_an_optional_input_that_is_left_out(address: str, text: str) -> None:
    assert post(address, "/servables/strange/optional", text.encode()).json == {"output": [5, "q", None]}


@pytest.mark.parametrize("text", ["null", "[]", "[[]]", '""', "[{}, null]", '{"x": "NaN"}', '{"x": 1e999}'])
def test_what_is_no_row_is_refused(address: str, text: str) -> None:
    assert post(address, "/servables/strange/optional", text.encode()).status == 400
    assert number(address)


@pytest.mark.parametrize("depth", [1_000, 100_000, 3_000_000])
def test_a_document_that_is_too_deep_is_its_callers_fault(address: str, depth: int) -> None:
    text = b"[" * depth + b"]" * depth
    with Client(address) as client, pytest.raises(InvalidCall, match="'d' is no JSON document: maximum recursion"):
        client.infer("strange", {"d": [text]}, method="document", timeout=20)
    assert post(address, "/servables/strange/document", b'{"d": ' + text + b"}").status == 400
    assert number(address)


@pytest.mark.parametrize("text", [b"1" * 10_000, b"{", b"", b'"\xff"'])
def test_text_that_is_no_document_is_its_callers_fault(address: str, text: bytes) -> None:
    with Client(address) as client, pytest.raises(InvalidCall):
        client.infer("strange", {"d": [text]}, method="document", timeout=20)


@pytest.mark.parametrize("text", [b"NaN", b"-Infinity", b'"\\ud800"'])
def test_what_json_does_not_know_is_never_sent(address: str, text: bytes) -> None:
    with Client(address) as client, pytest.raises(ServerFailed):
        client.infer("strange", {"d": [text]}, method="document", timeout=20)


@pytest.mark.parametrize(
    ("sent", "got"), [(b"\xff\xe9", "\ufffd\ufffd"), ("grüß".encode(), "grüß"), (b'a"\\b', 'a"\\b'), (b"", "")]
)
def test_metadata_may_be_any_bytes(address: str, sent: bytes, got: str) -> None:
    body = b'{"key": "x-odd"}'
    with connected(address) as connection:
        send(connection, "about", body, b"Connection: close\r\nX-Odd: " + sent + b"\r\n")
        reply = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert json.loads(reply.partition(b"\r\n\r\n")[2]) == {"output": got}


@pytest.mark.parametrize("shape", [[1, 1 << 62, 0], [1, (1 << 63) - 1, 0], [1, 1 << 40, 0, 1 << 40]])
def test_an_empty_tensor_may_claim_any_length(server: Server, address: str, shape: list[int]) -> None:
    inputs = [{"name": "x", "datatype": "FP32", "shape": shape, "data": []}]
    body = {"inputs": inputs}
    assert post(address, "/v2/models/strange.rank/infer", body).status == 400
    inputs[0]["shape"] = [1, 2, 0]
    assert post(address, "/v2/models/strange.rank/infer", body).json["outputs"][0]["data"] == [3]
    assert "lost its link" not in server.output


def test_many_rows_are_many_batches(address: str) -> None:
    with Client(address) as client:
        x = np.arange(200_000)
        assert (client.infer("strange", {"x": x}, method="number", timeout=40)["output"] == x).all()
    assert len(post(address, "/servables/strange/number", [{"x": 1}] * 50_000).json) == 50_000


def test_readers_who_never_read_or_leave_midway_take_nothing_along(server: Server, address: str) -> None:
    before = descriptors(server)
    with ExitStack() as stack:
        readers = [stack.enter_context(connected(address)) for _ in range(20)]
        for reader in readers:
            send(reader, "letters", b'{"count": 1000000000}', b"Accept: text/event-stream\r\n")
        for reader in readers[::2]:
            assert reader.recv(100)
        assert number(address)
        assert post(address, "/servables/strange/letters", {"count": 1}, {"Accept": "text/event-stream"}).status == 200
    until(lambda: server.output.count("letters end") == 21)
    until(lambda: descriptors(server) <= before)
    assert number(address)


def connected(address: str) -> socket.socket:
    """Takes little in advance."""
    host, port = address.split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect((host, int(port)))
    return connection


def send(connection: socket.socket, method: str, body: bytes, headers: bytes) -> None:
    head = f"POST /servables/strange/{method} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(head.encode() + headers + b"\r\n" + body)


def descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
