"""A real server as a process of its own, for the length of a test."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_LISTENING = "listening on "


class ServerExited(Exception):
    """The server ended, or took too long, before it was ready; the text is what it printed."""


class Server:
    """A running `salver serve`; `running` makes one."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._ended = False
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1, env={**environment}
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """What it has printed up to now, standard output and standard error together."""
        return "".join(self._lines)

    @property
    def addresses(self) -> list[str]:
        """Where it listens, in the order of the addresses it was given."""
        heard = (line for line in self.output.splitlines() if line.startswith(_LISTENING))
        return [line.removeprefix(_LISTENING) for line in heard]

    @property
    def address(self) -> str:
        """The first of its addresses."""
        return self.addresses[0]

    def wait_until_ready(self, timeout: float) -> None:
        """Raises ServerExited if it does not come to that."""
        if not self._ready.wait(timeout) or self._ended:
            raise ServerExited(self.output)

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal; a first SIGTERM or SIGINT lets it answer what it has accepted."""
        self.process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """The exit status, once it has ended and all it printed is in `output`."""
        status = self.process.wait(timeout)
        self._reader.join(timeout)
        return status

    def close(self, timeout: float = 40.0) -> None:
        """End it in order, or by force when that takes too long."""
        if self.process.poll() is None:
            self.signal()
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait(timeout)
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)
            if line.startswith("ready after "):
                self._ready.set()
        self._ended = True
        self._ready.set()


@contextmanager
def running(
    directory: str | Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    timeout: float = 30.0,
) -> Iterator[Server]:
    """Serve the directory, by default at a free port of 127.0.0.1, until the block ends.

    `options` are those of `salver serve`. Raises ServerExited if the server does not become ready.
    """
    listen = () if "--listen" in options else ("--listen", "127.0.0.1:0")
    command = [sys.executable, "-m", "salver", "serve", str(directory), *listen, *options]
    server = Server(command, {**os.environ, **(environment or {})})
    try:
        server.wait_until_ready(timeout)
        yield server
    finally:
        server.close()
