import io
import threading
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from salver.repository.logs import Logs
from salver.workers.log_file import LogFile
from salver.workers.relay import Relay


def complaint(text: str) -> None:
    raise AssertionError(text)


def lines(folder: Path) -> dict[str, list[str]]:
    return {file.name: file.read_text().split() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize(
    ("most_bytes", "backups", "expected"),
    [
        (0, 2, {"log": ["one", "two", "three", "four", "five"]}),
        (100, 2, {"log": ["one", "two", "three", "four", "five"]}),
        (10, 2, {"log": ["four", "five"], "log.1": ["three"], "log.2": ["one", "two"]}),
        (10, 1, {"log": ["four", "five"], "log.1": ["three"]}),
        (10, 0, {"log": ["four", "five"]}),
        (1, 9, {"log": ["five"], "log.1": ["four"], "log.2": ["three"], "log.3": ["two"], "log.4": ["one"]}),
    ],
)
def test_a_file_that_is_full_is_begun_anew(
    tmp_path: Path, most_bytes: int, backups: int, expected: dict[str, list[str]]
) -> None:
    file = LogFile(Logs(tmp_path, most_bytes, backups), "log", complaint)
    for line in ("one", "two", "three", "four", "five"):
        file.write(line)
    assert lines(tmp_path) == expected


def test_what_was_there_before_is_kept(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    LogFile(Logs(tmp_path, 100, 1), "log", complaint).write("größer")
    assert lines(tmp_path) == {"log": ["before", "größer"]}


def test_a_file_that_others_move_away_is_made_again(tmp_path: Path) -> None:
    file = LogFile(Logs(tmp_path, 100, 1), "log", complaint)
    file.write("one")
    (tmp_path / "log").rename(tmp_path / "moved")
    file.write("two")
    assert lines(tmp_path) == {"log": ["two"], "moved": ["one"]}


def test_a_file_that_cannot_be_written_is_complained_of_once(tmp_path: Path) -> None:
    complaints: list[str] = []
    file = LogFile(Logs(tmp_path / "gone", 100, 1), "log", complaints.append)
    file.write("one")
    (tmp_path / "gone").mkdir()
    file.write("two")
    path = tmp_path / "gone" / "log"
    assert complaints == [f"salver: {path} cannot be written: No such file or directory; it is left as it is"]
    assert not path.exists()


class NobodyReads(io.StringIO):
    """A stream that writes nothing before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting, self.released = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.waiting.set()
        assert self.released.wait(20)
        return super().write(text)


def test_a_stream_that_nobody_reads_keeps_no_file_waiting(tmp_path: Path) -> None:
    with redirect_stdout(NobodyReads()) as stream:
        relay = Relay()
        relay.source("add/1 worker 0", "stdout").say("hello")
        assert stream.waiting.wait(20)
        relay.file(LogFile(Logs(tmp_path, 100, 1), "log", complaint)).say("hello")
        relay.stop(0.5)
        assert lines(tmp_path) == {"log": ["hello"]}
        stream.released.set()
