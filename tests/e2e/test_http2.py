"""HTTP/2 as RFC 9113 asks: broken peers are told so and cut off, floods cost little, and nobody else notices."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import hpack
import numpy as np
import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from support.waiting import until

from salver.client.api import Client
from salver.client.errors import ResourceExhausted, Unavailable
from salver.testing.server import Server, running

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR = 1, 3, 6
REFUSED_STREAM, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 7, 9, 11
PATIENCE = 20.0


class Peer:
    """One HTTP/2 connection whose frames are written by hand."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self.encoder = hpack.Encoder()
        self.buffer = b""
        self.socket.sendall(PREFACE + SettingsFrame(0).serialize())

    def send(self, *frames: Frame) -> bool:
        """Whether the server still took them."""
        return self.send_bytes(b"".join(frame.serialize() for frame in frames))

    def send_bytes(self, data: bytes) -> bool:
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def headers(
        self, stream: int, path: str = "/v2/models/add/infer", *, end_stream: bool = True, end_headers: bool = True
    ) -> HeadersFrame:
        pairs = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", path)]
        frame = HeadersFrame(stream, self.encoder.encode(pairs))
        flags = {"END_HEADERS": end_headers, "END_STREAM": end_stream}
        for flag in (flag for flag, wanted in flags.items() if wanted):
            frame.flags.add(flag)
        return frame

    def frames(self) -> Iterator[Frame]:
        """What the server sends, until it closes the connection."""
        while True:
            while len(self.buffer) < 9:
                if not self._receive():
                    return
            frame, length = Frame.parse_frame_header(memoryview(self.buffer[:9]))
            while len(self.buffer) < 9 + length:
                if not self._receive():
                    return
            frame.parse_body(memoryview(self.buffer[9 : 9 + length]))
            self.buffer = self.buffer[9 + length :]
            yield frame

    def _receive(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            return False
        self.buffer += data
        return bool(data)

    def farewell(self) -> int | None:
        """The error code with which the connection is ended; None if it is just closed."""
        code = None
        for frame in self.frames():
            if isinstance(frame, GoAwayFrame):
                code = frame.error_code
        return code

    def reset(self, stream: int) -> int:
        """The error code with which the stream, or the whole connection, is ended."""
        for frame in self.frames():
            if isinstance(frame, RstStreamFrame) and frame.stream_id == stream:
                return frame.error_code
            if isinstance(frame, GoAwayFrame):
                return frame.error_code
        raise AssertionError("the connection was closed without a word")


@pytest.fixture
def peer(address: str) -> Iterator[Peer]:
    peer = Peer(address)
    with closing(peer.socket):
        yield peer


@pytest.fixture(autouse=True)
def others_are_served(client: Client) -> Iterator[None]:
    """Whatever a peer does, the next caller is answered."""
    yield
    assert client.is_ready()


def raw(kind: int, flags: int, stream: int, payload: bytes, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


CONNECTION_ERRORS = {
    "DATA on stream 0": (raw(0, 0, 0, b"x"), PROTOCOL_ERROR),
    "HEADERS on stream 0": (raw(1, 5, 0, b"\x82"), PROTOCOL_ERROR),
    "HEADERS on an even stream": (raw(1, 5, 2, b"\x82"), PROTOCOL_ERROR),
    "DATA on an idle stream": (raw(0, 0, 1, b"x"), PROTOCOL_ERROR),
    "RST_STREAM on an idle stream": (raw(3, 0, 1, struct.pack(">I", 8)), PROTOCOL_ERROR),
    "WINDOW_UPDATE on an idle stream": (raw(8, 0, 1, struct.pack(">I", 1)), PROTOCOL_ERROR),
    "WINDOW_UPDATE of 0": (raw(8, 0, 0, struct.pack(">I", 0)), PROTOCOL_ERROR),
    "WINDOW_UPDATE beyond the maximum": (raw(8, 0, 0, struct.pack(">I", 2**31 - 1)), FLOW_CONTROL_ERROR),
    "PING of 7 bytes": (raw(6, 0, 0, b"1234567"), FRAME_SIZE_ERROR),
    "SETTINGS of 5 bytes": (raw(4, 0, 0, b"12345"), FRAME_SIZE_ERROR),
    "SETTINGS on a stream": (raw(4, 0, 1, b""), PROTOCOL_ERROR),
    "SETTINGS_ENABLE_PUSH of 2": (raw(4, 0, 0, struct.pack(">HI", 2, 2)), PROTOCOL_ERROR),
    "SETTINGS_MAX_FRAME_SIZE of 1": (raw(4, 0, 0, struct.pack(">HI", 5, 1)), PROTOCOL_ERROR),
    "SETTINGS_INITIAL_WINDOW_SIZE of 2^31": (raw(4, 0, 0, struct.pack(">HI", 4, 2**31)), FLOW_CONTROL_ERROR),
    "a frame larger than allowed": (raw(0, 0, 1, b"", length=2**24 - 1), FRAME_SIZE_ERROR),
    "CONTINUATION without HEADERS": (raw(9, 4, 1, b"\x82"), PROTOCOL_ERROR),
    "a header block that is not HPACK": (raw(1, 5, 1, b"\xff\xff\xff\xff\xff\xff"), COMPRESSION_ERROR),
    "padding longer than its frame": (raw(1, 13, 1, b"\xff\x82"), PROTOCOL_ERROR),
}


@pytest.mark.parametrize(("sent", "code"), CONNECTION_ERRORS.values(), ids=CONNECTION_ERRORS)
def test_a_broken_connection_is_ended_with_the_reason(peer: Peer, sent: bytes, code: int) -> None:
    """RFC 9113 lets an endpoint say PROTOCOL_ERROR where it does not tell faults apart."""
    peer.send_bytes(sent)
    assert peer.farewell() in (code, PROTOCOL_ERROR)


def test_a_stream_that_depends_on_itself_is_reset(peer: Peer) -> None:
    frame = PriorityFrame(1, depends_on=1)
    peer.send(frame)
    assert peer.reset(1) == PROTOCOL_ERROR


def test_frames_of_unknown_types_are_ignored(peer: Peer) -> None:
    peer.send_bytes(raw(200, 0xFF, 0, b"whatever"))
    peer.send(PingFrame(0, b"12345678"))
    pongs = (frame for frame in peer.frames() if isinstance(frame, PingFrame))
    assert next(pongs).opaque_data == b"12345678"


def test_headers_larger_than_allowed_are_refused(peer: Peer) -> None:
    frame = peer.headers(1)
    frame.data += b"".join(hpack.Encoder().encode([(f"x-{n}", "v" * 1000)]) for n in range(40))
    fragments = [frame.data[start : start + 16000] for start in range(0, len(frame.data), 16000)]
    frame.data, rest = fragments[0], fragments[1:]
    frame.flags.discard("END_HEADERS")
    continuations = [ContinuationFrame(1, fragment) for fragment in rest]
    continuations[-1].flags.add("END_HEADERS")
    peer.send(frame, *continuations)
    ends = (f for f in peer.frames() if isinstance(f, HeadersFrame | RstStreamFrame | GoAwayFrame))
    end = next(ends)
    status = hpack.Decoder().decode(end.data)[0] if isinstance(end, HeadersFrame) else None
    assert status in (None, (":status", "431"))


def memory(server: Server) -> int:
    """Resident bytes of the server."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


@pytest.fixture
def bounded(server: Server) -> Iterator[None]:
    """A flood leaves the server about as large as it was."""
    before = memory(server)
    yield
    assert memory(server) < before + 100 * 2**20


def test_a_flood_of_resets_ends_the_connection(peer: Peer, bounded: None) -> None:
    for stream in range(1, 40_000, 2):
        if not peer.send(peer.headers(stream), RstStreamFrame(stream, 8)):
            break
    assert peer.farewell() in (ENHANCE_YOUR_CALM, None)


def test_a_flood_of_continuations_ends_the_connection(peer: Peer, bounded: None) -> None:
    taken = peer.send(peer.headers(1, end_headers=False))
    for _ in range(20_000):
        taken = taken and peer.send(ContinuationFrame(1, hpack.Encoder().encode([("x", "y" * 100)])))
    assert peer.farewell() in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, COMPRESSION_ERROR, None)


@pytest.mark.parametrize(
    "frame",
    [PingFrame(0, b"12345678"), SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 70000})],
    ids=["pings", "settings"],
)
def test_a_peer_that_asks_and_never_reads_is_not_buffered_for(peer: Peer, bounded: None, frame: Frame) -> None:
    peer.socket.settimeout(0.5)
    burst = frame.serialize() * 1000
    deadline = time.monotonic() + 5
    while peer.send_bytes(burst) and time.monotonic() < deadline:
        pass


def test_empty_data_frames_are_no_way_to_keep_the_server_busy(peer: Peer, bounded: None) -> None:
    peer.send(peer.headers(1, end_stream=False))
    burst = DataFrame(1, b"").serialize() * 1000
    for _ in range(100):
        if not peer.send_bytes(burst):
            break


def test_more_streams_than_allowed_are_refused(peer: Peer) -> None:
    streams = range(1, 2 * 1_200, 2)
    peer.send(*(peer.headers(stream, end_stream=False) for stream in streams))
    ends = (frame for frame in peer.frames() if isinstance(frame, RstStreamFrame | GoAwayFrame))
    refused = next(ends)
    assert refused.error_code in (REFUSED_STREAM, ENHANCE_YOUR_CALM, PROTOCOL_ERROR)


def test_a_window_that_stays_closed_holds_only_its_own_stream(peer: Peer, client: Client) -> None:
    peer.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}), peer.headers(1))
    assert client.is_ready()
    peer.send(WindowUpdateFrame(1, window_increment=2**16))
    answers = (frame for frame in peer.frames() if isinstance(frame, DataFrame) and frame.data)
    assert b"error" in next(answers).data


def test_large_replies_that_nobody_reads_are_bounded(models: Path) -> None:
    large = {"x": np.zeros((1, 100_000), np.float32)}
    with running(models, "--max-bytes-in-flight", "8MiB") as server, Client(server.address) as client:
        hoarder = Peer(server.address)
        with closing(hoarder.socket):
            hoarder.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}))
            next(frame for frame in hoarder.frames() if isinstance(frame, WindowUpdateFrame))
            hoarder.send(SettingsFrame(0, flags=["ACK"]))
            body = b'{"x":[' + b",".join([b"0"] * 100_000) + b"]}"
            for stream in range(1, 60, 2):
                pieces = [DataFrame(stream, body[at : at + 16000]) for at in range(0, len(body), 16000)]
                pieces[-1].flags.add("END_STREAM")
                hoarder.send(hoarder.headers(stream, "/servables/any_length", end_stream=False), *pieces)
            until(lambda: is_refused(client, large))
            assert client.is_ready()
        until(lambda: not is_refused(client, large))


def is_refused(client: Client, inputs: dict[str, np.ndarray]) -> bool:
    try:
        client.infer("any_length", inputs, timeout=PATIENCE)
    except (ResourceExhausted, Unavailable):
        return True
    return False


def test_a_client_that_says_nothing_is_let_go(models: Path) -> None:
    with running(models, "--listen", "127.0.0.1:0", "--header-timeout-s", "1") as server:
        host, port = server.address.rsplit(":", 1)
        for said in (b"", b"PRI", b"GET /v2 HTTP/1.1\r\nhost:"):
            with socket.create_connection((host, int(port)), timeout=PATIENCE) as silent:
                silent.sendall(said)
                assert silent.recv(1024)[:12] in (b"", b"HTTP/1.1 408", b"HTTP/1.1 400")
