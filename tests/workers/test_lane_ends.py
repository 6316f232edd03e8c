import fcntl
import mmap
import os
import socket
from pathlib import Path

import pytest

from salver.workers.lane_ends import ARENA_BYTES, open_lane


def test_both_sides_share_a_socket_and_two_arenas() -> None:
    server, worker = open_lane()
    with server, worker, socket.socket(fileno=os.dup(server.socket)) as one:
        one.sendall(b"hello")
        assert os.read(worker.socket, 10) == b"hello"
        for ours, theirs in ((server.inbound, worker.inbound), (server.outbound, worker.outbound)):
            with mmap.mmap(ours, 0) as mine, mmap.mmap(theirs, 0) as other:
                mine[-4:] = b"here"
                assert other[-4:] == b"here"
                assert len(mine) == ARENA_BYTES


def test_an_arena_takes_no_memory_before_it_is_used_and_nobody_can_change_its_size() -> None:
    server, worker = open_lane(1024**2)
    with server, worker:
        for arena in (server.inbound, worker.outbound):
            assert os.fstat(arena).st_blocks == 0
            for size in (0, 2 * 1024**2):
                with pytest.raises(PermissionError):
                    os.ftruncate(arena, size)
            with pytest.raises(PermissionError):
                fcntl.fcntl(arena, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)


def test_nothing_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_files()
    server, worker = open_lane(4096)
    server.close()
    worker.close()
    monkeypatch.setattr(os, "ftruncate", _no_memory)
    with pytest.raises(OSError, match="no memory"):
        open_lane(4096)
    assert open_files() == before


def open_files() -> list[Path]:
    return sorted(Path("/proc/self/fd").iterdir())


def _no_memory(_descriptor: int, _size: int) -> None:
    raise OSError("no memory")
