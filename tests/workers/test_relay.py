import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest

from salver.workers.relay import Lines, Relay


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\nt", b"wo\n"], ["one", "two"]),
        ([b"one\n\ntwo"], ["one", "", "two"]),
        ([b"one\r\ntwo\r\n"], ["one", "two"]),
        ([b"10 %\r50 %\r", b"100 %\n"], ["100 %"]),
        (["schön\n".encode()[:4], "schön\n".encode()[4:]], ["schön"]),
        ([b"\xff\n"], ["\N{REPLACEMENT CHARACTER}"]),
        ([b"0123456789\n"], ["0123456789"]),
        ([b"0123456789abc\n"], ["0123456789 ... (3 bytes more)"]),
        ([b"01234567", b"89abc", b"def\n", b"next\n"], ["0123456789 ... (6 bytes more)", "next"]),
        ([b"0123456789abcdef"], ["0123456789 ... (6 bytes more)"]),
        ([b"10 %\r", b"20 %\r", b"30 %\r", b"40 %\n"], ["40 %"]),
    ],
)
def test_bytes_become_lines_of_a_bounded_length(pieces: Sequence[bytes], lines: list[str]) -> None:
    reader = Lines(longest=10)
    found = [line for piece in pieces for line in reader.feed(piece)]
    assert [*found, *reader.flush()] == lines


class Gate(io.StringIO):
    """A stream that writes nothing before it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = threading.Event()
        self.open = threading.Event()

    def write(self, text: str) -> int:
        self.waiting.set()
        assert self.open.wait(20)
        return super().write(text)


@contextmanager
def gated() -> Iterator[Gate]:
    """A gate in the place of standard output."""
    gate = Gate()
    with redirect_stdout(gate):
        yield gate


def test_every_line_says_whose_it_is() -> None:
    with gated() as stream:
        stream.open.set()
        relay = Relay()
        relay.source("add/1 worker 0", "stdout").say("hello")
        relay.source("", "stdout").say("salver: news")
        relay.stop(20)
        assert stream.getvalue() == "[add/1 worker 0] hello\nsalver: news\n"


def test_a_flood_is_cut_and_counted_and_keeps_no_one_waiting() -> None:
    with gated() as stream:
        relay = Relay(quota=100)
        loud, calm = relay.source("loud", "stdout"), relay.source("calm", "stdout")
        loud.say("first")
        assert stream.waiting.wait(20)
        for _ in range(1000):
            loud.say("x" * 50)
        calm.say("heard")
        stream.open.set()
        relay.stop(20)
        lines = stream.getvalue().splitlines()
        assert lines.count("[loud] " + "x" * 50) == 3
        assert "[loud] (997 lines dropped: they came too fast)" in lines
        assert "[calm] heard" in lines


def test_a_stream_that_nobody_reads_is_given_up() -> None:
    with gated() as stream:
        relay = Relay()
        relay.source("add/1 worker 0", "stdout").say("hello")
        assert stream.waiting.wait(20)
        relay.stop(0.01)
        stream.open.set()


def test_a_closed_stream_harms_nobody() -> None:
    with gated() as stream:
        stream.open.set()
        stream.close()
        relay = Relay()
        relay.source("add/1 worker 0", "stdout").say("hello")
        relay.stop(20)


def test_what_the_stream_cannot_encode_is_spelt_out() -> None:
    written = io.BytesIO()
    with redirect_stderr(io.TextIOWrapper(written, "ascii")):
        relay = Relay()
        relay.source("", "stderr").say("größer")
        relay.stop(20)
    assert written.getvalue() == b"gr\\xf6\\xdfer\n"
