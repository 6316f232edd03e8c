"""What somebody who asks is told, whatever is at the other end."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from salver.client.admin import Refused, ask
from salver.client.errors import InvalidCall, Unavailable


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        yield listener


def replying(listener: socket.socket, reply: bytes, heard: list[bytes]) -> threading.Thread:
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            heard.append(connection.makefile("rb").readline())
            connection.sendall(reply)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_one_line_goes_there_and_one_comes_back(listener: socket.socket, tmp_path: Path) -> None:
    heard: list[bytes] = []
    thread = replying(listener, b'{"done": [1]}\n', heard)
    assert ask(f"unix:{tmp_path}/s", {"do": "status"}, 20) == [1]
    thread.join()
    assert heard == [b'{"do": "status"}\n']


def test_a_problem_is_told_with_its_remedy(listener: socket.socket, tmp_path: Path) -> None:
    thread = replying(listener, b'{"problem": {"where": "m", "what": "is gone", "remedy": "find it"}}\n', [])
    with pytest.raises(Refused, match="m: is gone\n  remedy: find it"):
        ask(f"unix:{tmp_path}/s", {}, 20)
    thread.join()


def test_a_server_that_ends_or_takes_too_long_is_told(listener: socket.socket, tmp_path: Path) -> None:
    thread = replying(listener, b"", [])
    with pytest.raises(Unavailable, match="does not answer: it ended"):
        ask(f"unix:{tmp_path}/s", {}, 20)
    thread.join()
    with pytest.raises(Unavailable, match=r"has not done it after 0\.01 s"):
        ask(f"unix:{tmp_path}/s", {}, 0.01)


def test_what_is_no_socket_is_told(tmp_path: Path) -> None:
    remedy = f"remedy: start the server with --admin unix:{tmp_path}/gone, "
    with pytest.raises(Unavailable, match=f"No such file.*\n  {remedy}"):
        ask(f"unix:{tmp_path}/gone", {}, 20)
    for address in ("127.0.0.1:8500", "unix:", ""):
        with pytest.raises(InvalidCall, match="expected unix:path"):
            ask(address, {}, 20)
