"""A server under test: started on its core, watched, and stopped with everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OPEN_SECONDS: Final = 60
STOP_SECONDS: Final = 15
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class ServerFailed(Exception):
    """The server did not start, or ended by itself; the text ends with the end of its own output."""


@dataclass(frozen=True)
class ServerProcess:
    """A started server. It leads a session of its own; child processes are found by that and by their parents."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for_port(self, port: int) -> None:
        """Returns when something accepts connections at the port."""
        deadline = time.monotonic() + OPEN_SECONDS
        while not _accepts(port):
            self.must_run()
            if time.monotonic() > deadline:
                raise ServerFailed(f"no open port after {OPEN_SECONDS} s: {self.last_words()}")
            time.sleep(0.05)

    def must_run(self) -> None:
        """Raises if the server has ended by itself."""
        if self.process.poll() is not None:
            raise ServerFailed(f"it ended with code {self.process.returncode}: {self.last_words()}")

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Whatever goes wrong in the block, if the server has ended that is the reason."""
        try:
            yield
        except Exception:
            self.must_run()
            raise

    def cpu_seconds(self) -> float:
        """Processor time of all its processes so far, to the nanosecond."""
        return sum(_cpu_seconds(pid) for pid in self._members())

    def memory_bytes(self) -> int:
        """Resident memory of all its processes; what they share is counted for each."""
        return sum(_resident_bytes(pid) for pid in self._members())

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) if lines else "it wrote nothing"

    def stop(self) -> None:
        """Asks it to end, then ends what is left of it."""
        sessions = self._members()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        for pid, (_, session) in _places().items():
            if session in sessions:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def _members(self) -> set[int]:
        """Its processes: those of its session, their children, and those of sessions that children have made."""
        places = _places()
        found = {self.process.pid}
        while True:
            more = {pid for pid, place in places.items() if not found.isdisjoint(place)} - found
            if not more:
                return found
            found |= more


def pinned(command: Sequence[str], cores: Sequence[int]) -> list[str]:
    """The command that runs on these cores only, with all that it starts."""
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]


@contextmanager
def started(
    command: Sequence[str], cores: Sequence[int], variables: Mapping[str, str], log: Path
) -> Iterator[ServerProcess]:
    """The server, pinned to the cores; whatever happens, it is stopped at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            pinned(command, cores),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(variables),
            cwd=log.parent,
            start_new_session=True,
        )
    server = ServerProcess(process, log)
    try:
        yield server
    finally:
        server.stop()


def free_ports(number: int) -> list[int]:
    """Ports that nobody uses now, all different; for servers that cannot choose one themselves."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _places() -> dict[int, tuple[int, int]]:
    """Every process's place."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return {pid: place for pid in pids if (place := _place(pid)) is not None}


def _place(pid: int) -> tuple[int, int] | None:
    """Its parent and the leader of its session; None when it is gone."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(facts[1]), int(facts[3])


def _cpu_seconds(pid: int) -> float:
    clock = (~pid << 3) | 2  # Linux's name of the scheduler clock of another process, see clock_getcpuclockid(3)
    try:
        return time.clock_gettime_ns(clock) / 1e9
    except OSError:
        return 0.0


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0
