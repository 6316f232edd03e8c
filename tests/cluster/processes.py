"""Masters and workers as processes of their own; none of them outlives its block."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mindspore_server.scripts import Script
from support.http import post
from support.waiting import until

ON_HOST = Path(__file__).with_name("on_host.py")
_GATE = "accepting workers at "


class Salver(Script):
    """A `salver` command, on this host or in a network namespace."""

    def __init__(self, *arguments: str, host: str = "", **variables: str) -> None:
        script, first = (ON_HOST, host) if host else (Path("-m"), "salver")
        super().__init__(script, first, *arguments, folder=Path.cwd(), **variables)

    def say(self, text: str, times: int = 1) -> None:
        """Wait until it has printed this so often."""
        until(lambda: self.output.count(text) >= times or self.process.poll() is not None, 40)
        assert self.output.count(text) >= times, self.output

    @property
    def gate(self) -> str:
        """Where it accepts workers."""
        return self.wait_for(_GATE).removeprefix(_GATE)

    def call(self, method: str, **inputs: Any) -> Any:
        """The outputs of a call of `servable/method` by plain JSON, or its error."""
        reply = post(self.address, f"/servables/{method}", inputs).json
        return reply.get("error", reply)


@contextmanager
def running(process: Salver, ready: str) -> Iterator[Salver]:
    """The process for the length of a block, which begins when it is ready."""
    try:
        process.say(ready)
        yield process
    finally:
        process.close(20)
        until(lambda: not process.processes())


@contextmanager
def master(*options: str, listen: str = "127.0.0.1:0", gate: str = "127.0.0.1:0", **variables: str) -> Iterator[Salver]:
    """A server that has nothing but what workers bring."""
    process = Salver("serve", "--listen", listen, "--accept-workers", gate, *options, **variables)
    with running(process, "ready after "):
        yield process


@contextmanager
def worker(folder: Path, name: str, gate: str, *options: str, **variables: str) -> Iterator[Salver]:
    """A worker that has loaded its servable; it may not have joined yet."""
    process = Salver("worker", str(folder), name, "--join", gate, *options, **variables)
    with running(process, "ready for the server at "):
        yield process


def joined(process: Salver, times: int = 1) -> None:
    """Wait until a worker has joined so often."""
    process.say(" has joined the server at ", times)
