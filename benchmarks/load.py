"""The load: h2load with a fixed number of requests, every one of which is waited for and accounted for."""

from __future__ import annotations

import json
import re
import resource
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.workloads import Protocol

LOAD_SECONDS: Final = 900
WARM_UP_SHARE: Final = 0.1
MOST_WAITING: Final = 64
ENDLESS: Final = 10**9

STREAMS: Final[Mapping[Protocol, Mapping[int, tuple[int, int]]]] = {
    "grpc": {1: (1, 1), 16: (1, 16), 64: (4, 16)},
    "http": {1: (1, 1), 16: (16, 1), 64: (64, 1)},
}
"""Connections and requests at a time on each, by protocol and concurrency; gRPC clients share connections."""


class LoadFailed(Exception):
    """Not every request was answered with success and with as many bytes as a right answer has."""


@dataclass(frozen=True)
class Target:
    """What is sent where, and how large a right answer is."""

    protocol: Protocol
    port: int
    path: str
    headers: Mapping[str, str]
    body: Path
    answer_bytes: int


@dataclass(frozen=True)
class Load:
    """What one run of the generator measured. Latencies are there for one request at a time only."""

    concurrency: int
    requests: int
    seconds: float
    generator_share: float
    p50_us: float | None
    p99_us: float | None

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def read_target(fixtures: Path, key: str, protocol: Protocol, port: int, answer_bytes: int) -> Target:
    """The request that the prepared index has under `workload/form`."""
    entry = json.loads((fixtures / "requests.json").read_text())[key]
    return Target(protocol, port, entry["path"], entry["headers"], fixtures / entry["body"], answer_bytes)


def warm_up(target: Target, concurrency: int, requests: int, scratch: Path) -> None:
    run_load(target, concurrency, max(concurrency, int(requests * WARM_UP_SHARE)), scratch)


def run_load(target: Target, concurrency: int, requests: int, scratch: Path) -> Load:
    """Sends exactly so many requests and waits for all answers; raises unless all of them are right in size."""
    log = scratch / "latencies"
    log.unlink(missing_ok=True)
    command = _command(target, STREAMS[target.protocol][concurrency], requests)
    if concurrency == 1:
        command.append(f"--log-file={log}")
    output, cpu_seconds = _run(command, scratch / "h2load.out")
    _check_answers(output, requests, target)
    seconds = _seconds(output)
    latencies = _latencies(log) if concurrency == 1 else []
    return Load(
        concurrency=concurrency,
        requests=requests,
        seconds=seconds,
        generator_share=cpu_seconds / seconds,
        p50_us=percentile(latencies, 0.50) if latencies else None,
        p99_us=percentile(latencies, 0.99) if latencies else None,
    )


def run_steady(target: Target, rate: int, requests: int, scratch: Path) -> list[float]:
    """Sends requests at equal intervals whether the ones before are answered or not; gives the sorted latencies."""
    log = scratch / "latencies"
    log.unlink(missing_ok=True)
    command = [*_command(target, (1, MOST_WAITING), requests), f"--rps={rate}", f"--log-file={log}"]
    output, _ = _run(command, scratch / "h2load.out")
    _check_answers(output, requests, target)
    return _latencies(log)


@contextmanager
def background_load(target: Target, concurrency: int, scratch: Path) -> Iterator[None]:
    """A load without an end, broken off when the block is left; raises if it came to an end by itself."""
    command = _command(target, STREAMS[target.protocol][concurrency], ENDLESS)
    with (scratch / "background.out").open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield
        if process.poll() is not None:
            raise LoadFailed("the load in the background was not answered to the end")
    finally:
        process.kill()
        process.wait()


def _command(target: Target, streams: tuple[int, int], requests: int) -> list[str]:
    connections, at_a_time = streams
    command = ["h2load", "-n", str(requests), "-c", str(connections), "-m", str(at_a_time), "-d", str(target.body)]
    if target.protocol == "http":
        command.append("--h1")
    for name, value in target.headers.items():
        command += ["-H", f"{name}: {value}"]
    return [*command, f"http://127.0.0.1:{target.port}{target.path}"]


def _run(command: list[str], out: Path) -> tuple[str, float]:
    """Its output and the processor time it took."""
    before = _children_cpu_seconds()
    try:
        with out.open("wb") as file:
            subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, timeout=LOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"the load was not answered within {LOAD_SECONDS} s") from None
    return out.read_text(errors="replace"), _children_cpu_seconds() - before


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _check_answers(output: str, requests: int, target: Target) -> None:
    done = _number(r"(\d+) succeeded", output)
    good = _number(r"status codes: (\d+) 2xx", output)
    data = _number(r"\((\d+)\) data", output)
    wanted = requests * target.answer_bytes
    if (done, good, data) != (requests, requests, wanted):
        raise LoadFailed(
            f"{target.protocol}: of {requests} requests {done} were answered, {good} with success, in {data} body "
            f"bytes; right answers would have {wanted}"
        )


def _number(pattern: str, output: str) -> int:
    found = re.search(pattern, output)
    if found is None:
        raise LoadFailed(f"h2load reported no result: {output.strip()[-200:]}")
    return int(found.group(1))


def _seconds(output: str) -> float:
    found = re.search(r"finished in ([\d.]+)(us|ms|s),", output)
    if found is None:
        raise LoadFailed("h2load did not say how long it took")
    return float(found.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[found.group(2)]


def _latencies(log: Path) -> list[float]:
    return sorted(float(line.split("\t")[2]) for line in log.read_text().splitlines())


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
