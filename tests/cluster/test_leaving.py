"""Workers that are told to stop while calls come without end: none fails as long as another worker is there."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.waiting import until

from cluster.credentials import TOKEN, of_server, of_worker
from cluster.processes import Salver, joined, master, worker

CALLERS = 6


class Callers:
    """Threads that call all the time."""

    def __init__(self, server: Salver, method: str, **inputs: Any) -> None:
        self.replies: list[Any] = []
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(server, method, inputs)) for _ in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def _call(self, server: Salver, method: str, inputs: dict[str, Any]) -> None:
        while not self._stopped.is_set():
            self.replies.append(server.call(method, **inputs))

    def more(self, count: int = 200) -> None:
        """Wait for so many more answers."""
        before = len(self.replies)
        until(lambda: len(self.replies) >= before + count, 40)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)


@contextmanager
def calling(server: Salver, method: str, **inputs: Any) -> Iterator[Callers]:
    callers = Callers(server, method, **inputs)
    try:
        yield callers
    finally:
        callers.stop()


@pytest.fixture(params=["127.0.0.1:0", "mtls:localhost:0"])
def server(request: pytest.FixtureRequest, certificates: Path) -> Iterator[Salver]:
    options = of_server(certificates) if "mtls" in request.param else ()
    with master(*options, gate=request.param, SALVER_WORKER_TOKEN=TOKEN) as made:
        yield made


@pytest.fixture
def joining(servables: Path, certificates: Path, server: Salver) -> Callable[[str], AbstractContextManager[Salver]]:
    """Makes a worker of a servable, which has joined."""
    options = of_worker(certificates) if "mtls" in server.gate else ()

    @contextmanager
    def make(name: str) -> Iterator[Salver]:
        with worker(servables, name, server.gate, *options, SALVER_WORKER_TOKEN=TOKEN) as made:
            joined(made)
            yield made

    return make


@pytest.mark.parametrize(
    ("method", "inputs", "answer"),
    [
        ("calc/double", {"x": 21}, {"output": 42}),
        ("scaled/predict", {"x": [1, 2]}, {"y": [2.0, 4.0]}),
    ],
)
def test_no_call_fails_when_a_worker_leaves(
    joining: Callable[[str], AbstractContextManager[Salver]], server: Salver, method: str, inputs: Any, answer: Any
) -> None:
    name = method.partition("/")[0]
    with joining(name) as first, joining(name):
        with calling(server, method, **inputs) as callers:
            callers.more()
            first.signal(signal.SIGTERM)
            assert first.wait(30) == 0
            callers.more()
        assert [reply for reply in callers.replies if reply != answer] == []


@pytest.mark.parametrize("name", ["calc", "scaled", "chain"])
def test_a_worker_that_has_only_just_joined_leaves_as_well(
    joining: Callable[[str], AbstractContextManager[Salver]], name: str
) -> None:
    for _ in range(3):
        with joining(name) as worker:
            worker.signal(signal.SIGINT)
            assert worker.wait(25) == 0  # it may take 30 s, if it has something to finish
