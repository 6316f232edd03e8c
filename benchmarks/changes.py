"""What it costs callers, and memory, that versions of models come and go."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.bench import ADMIN, MODELS, Bench, Serving
from benchmarks.measure import Problem
from benchmarks.options import LOADING
from benchmarks.process import ServerFailed
from benchmarks.progress import say
from benchmarks.servers import SERVERS
from benchmarks.steady import checked, measure_each_round, p99_us
from benchmarks.workloads import WORKLOADS

# One core is free for loading: the load at a steady rate takes little of the other.
SERVER: Final = replace(SERVERS["salver"], admin=True, every_core=True)
STEADY: Final = WORKLOADS["lookup"]
OTHER: Final = replace(STEADY, name="other")
# Until then pages are touched for the first time.
FIRST_CHANGES: Final = 50
WARM_CHANGES: Final = 10
CHANGES: Final = 100
QUICK_CHANGES: Final = 10
# Replies name the version, and the load wants all of them to be of one length.
FIRST_NUMBER: Final = 1000
ANSWER_SECONDS: Final = 60
PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Loading:
    """The p99 of a steady load in microseconds: alone, and while versions come and go.

    They are those of another server, which has nothing to do with it; of its own model; of another model.
    """

    alone_us: float
    stranger_us: float
    same_us: float
    other_us: float


@dataclass(frozen=True)
class Growth:
    """Resident memory after some changes of versions, and after many more."""

    before_bytes: int
    after_bytes: int
    changes: int


def measure_loading(bench: Bench) -> Generator[Loading | Problem]:
    """Every round as it comes. Closing the generator stops the server that is running."""
    return measure_each_round(bench, LOADING, ((SERVER, STEADY), (SERVER, OTHER)), _one_round)


def measure_growth(bench: Bench) -> Growth:
    """Raises ServerFailed."""
    changes = QUICK_CHANGES if bench.options.quick else CHANGES
    say(f"salver alone: {FIRST_CHANGES} changes of versions, then {changes}")
    with bench.serving(SERVER, STEADY) as serving, serving.process.blamed():
        serving.process.wait_for_port(serving.ports["grpc"])
        change = Changing(serving.scratch, STEADY.name)
        before = _after(change, FIRST_CHANGES, serving)
        return Growth(before, _after(change, changes, serving), changes)


def _after(change: Changing, times: int, serving: Serving) -> int:
    for _ in range(times):
        change.once()
    change.settle()
    return serving.process.memory_bytes()


def _one_round(bench: Bench, serving: Serving) -> Loading:
    with bench.serving(SERVER, STEADY) as stranger:
        stranger.process.wait_for_port(stranger.ports["grpc"])
        places = ((stranger.scratch, STEADY.name), (serving.scratch, STEADY.name), (serving.scratch, OTHER.name))
        for place in places:
            change = Changing(*place)
            for _ in range(WARM_CHANGES):
                change.once()
        with checked(bench, serving) as target:
            besides: list[AbstractContextManager[None]] = [nullcontext()]
            besides += [_coming_and_going(*place) for place in places]
            return Loading(*(p99_us(bench, serving, target, beside) for beside in besides))


@contextmanager
def _coming_and_going(scratch: Path, servable: str) -> Iterator[None]:
    """Versions that replace each other one after the other, until the block is left."""
    change, stop = Changing(scratch, servable), threading.Event()
    failed: list[ServerFailed] = []
    thread = threading.Thread(target=_until, args=(stop, change.once, failed))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    change.settle()
    if failed:
        raise failed[0]


def _until(stop: threading.Event, do: Callable[[], None], failed: list[ServerFailed]) -> None:
    while not stop.is_set():
        try:
            do()
        except ServerFailed as problem:
            failed.append(problem)
            return


class Changing:
    """Changes a servable's version: each time a copy of its folder with the next number takes its place."""

    def __init__(self, scratch: Path, servable: str) -> None:
        self._admin = scratch / ADMIN
        self._folder = scratch / MODELS / servable
        self._servable = servable

    def once(self) -> None:
        """Returns when the new version answers. Raises ServerFailed."""
        newest = max(int(each.name) for each in self._folder.iterdir() if each.name.isdigit())
        copied = self._admin.with_name(f"next-{self._servable}")
        shutil.copytree(self._folder / str(newest), copied, copy_function=os.link)
        copied.rename(self._folder / str(max(FIRST_NUMBER, newest + 1)))
        ask(self._admin, {"do": "load", "servable": self._servable})
        shutil.rmtree(self._folder / str(newest))

    def settle(self) -> None:
        """Returns when what was replaced is gone. Raises ServerFailed."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while any(each["state"] not in ("AVAILABLE", "END") for each in ask(self._admin, {"do": "status"})):
            if time.monotonic() > deadline:
                raise ServerFailed("versions that were replaced do not go")
            time.sleep(PAUSE_SECONDS)


def ask(admin: Path, request: dict[str, object]) -> Any:
    """What a running salver did for this request. Raises ServerFailed if it could not."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(admin))
            connection.sendall(json.dumps(request).encode() + b"\n")
            reply = json.loads(connection.makefile().readline())
    except (OSError, ValueError) as problem:
        raise ServerFailed(f"its admin's socket gave no answer: {problem}") from None
    if "problem" in reply:
        raise ServerFailed(f"it did not do {request}: {reply['problem']}")
    return reply["done"]
