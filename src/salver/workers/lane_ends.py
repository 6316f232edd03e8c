"""The descriptors of a lane's link: a socket, and an arena of shared memory for each direction."""

import fcntl
import os
import socket
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from types import TracebackType
from typing import Self

ARENA_BYTES = 64 * 1024**2
"""The size of an arena. It is sparse: only what was used of it takes memory."""

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


@dataclass(frozen=True)
class LaneEnds:
    """One side's descriptors, inbound being from server to worker on both sides: to be closed, or given away.

    There are no arenas between hosts.
    """

    socket: int
    inbound: int | None = None
    outbound: int | None = None

    def all(self) -> list[int]:
        return [each for each in astuple(self) if each is not None]

    def close(self) -> None:
        close_all(self.all())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_lane(size: int = ARENA_BYTES) -> tuple[LaneEnds, LaneEnds]:
    """The server's and the worker's side of a new link, over the same two arenas. Raises OSError."""
    server, worker = (end.detach() for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
    made = [server, worker]
    try:
        for name in ("salver-inbound", "salver-outbound"):
            made.append(_arena(name, size))
        made += [os.dup(arena) for arena in made[2:4]]
    except OSError:
        close_all(made)
        raise
    return LaneEnds(server, made[2], made[3]), LaneEnds(worker, made[4], made[5])


def close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _arena(name: str, size: int) -> int:
    """Memory of a size that neither side can change under the other."""
    arena = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(arena, size)
        fcntl.fcntl(arena, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(arena)
        raise
    return arena
