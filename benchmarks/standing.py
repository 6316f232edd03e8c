"""What salver costs before any load: its first answer, its memory and processor time at rest, its packages."""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench, Serving
from benchmarks.load import Target
from benchmarks.options import interpreter_of
from benchmarks.process import OPEN_SECONDS, ServerFailed
from benchmarks.progress import say
from benchmarks.servers import SERVERS
from benchmarks.workloads import WORKLOADS

SALVER: Final = SERVERS["salver"]
MODEL: Final = WORKLOADS["mlp"]
STARTS: Final = 10
QUICK_STARTS: Final = 3
IDLE_SECONDS: Final = 10.0

PACKAGES_CODE: Final = """
import importlib.metadata as m, json, re
found, waiting = set(), ["salver"]
while waiting:
    name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
    try:
        wanted = m.distribution(name).requires or []
    except m.PackageNotFoundError:
        continue
    if name not in found:
        found.add(name)
        waiting += [re.match(r"[\\w.-]+", line).group() for line in wanted if "extra ==" not in line]
print(json.dumps(sorted(found)))
"""
"""Walks from salver over requirements without extras; those that do not apply here are not installed."""


@dataclass(frozen=True)
class Standing:
    """Figures of `salver serve` with one ONNX model (`mlp`) on the server's core."""

    first_answer_seconds: list[float]
    idle_memory_bytes: int
    idle_cpu_share: float
    packages: list[str]

    @property
    def first_answer(self) -> float:
        return statistics.median(self.first_answer_seconds)


def measure_standing(bench: Bench) -> Standing:
    """Starts salver several times, then leaves the last one alone for a while."""
    starts = QUICK_STARTS if bench.options.quick else STARTS
    say(f"salver alone: {starts} starts, then {IDLE_SECONDS:.0f} s at rest")
    first_answers = [_first_answer_seconds(bench) for _ in range(starts)]
    with bench.serving(SALVER, MODEL) as serving:
        _wait_for_answer(bench, serving)
        server = serving.process
        cpu_before, began = server.cpu_seconds(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        share = (server.cpu_seconds() - cpu_before) / (time.monotonic() - began)
        memory = server.memory_bytes()
    return Standing(first_answers, memory, share, _packages(bench))


def _first_answer_seconds(bench: Bench) -> float:
    began = time.monotonic()
    with bench.serving(SALVER, MODEL) as serving:
        _wait_for_answer(bench, serving)
        return time.monotonic() - began


def _wait_for_answer(bench: Bench, serving: Serving) -> None:
    """Asks again and again until an inference is answered with success."""
    target = bench.target(serving, "http", {serving.form("http"): 0})
    body, deadline = target.body.read_bytes(), time.monotonic() + OPEN_SECONDS
    while _status(target, body) != 200:
        if serving.process.process.poll() is not None or time.monotonic() > deadline:
            raise ServerFailed(f"it gave no first answer: {serving.process.last_words()}")
        time.sleep(0.001)


def _status(target: Target, body: bytes) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=5)
    try:
        connection.request("POST", target.path, body, dict(target.headers))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _packages(bench: Bench) -> list[str]:
    """The distributions of salver's base install, itself among them."""
    done = subprocess.run(
        [salver_python(bench), "-c", PACKAGES_CODE], capture_output=True, text=True, timeout=60, check=True
    )
    names: list[str] = json.loads(done.stdout)
    return names


def salver_python(bench: Bench) -> Path:
    assert bench.options.salver is not None, "only asked when there is a salver"
    return interpreter_of(bench.options.salver)
