"""What a busy Python servable costs an ONNX servable of the same server, against what any busy process costs it."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.bench import Bench, Serving
from benchmarks.checking import WrongAnswer, checking
from benchmarks.load import LoadFailed, Target, background_load, percentile, run_steady
from benchmarks.measure import Problem, problem_of
from benchmarks.options import ISOLATION
from benchmarks.process import ServerFailed, pinned
from benchmarks.progress import say
from benchmarks.servers import SERVERS
from benchmarks.workloads import WORKLOADS

STEADY: Final = (SERVERS["salver"], WORKLOADS["mlp"])
BUSY: Final = (SERVERS["salver_one_worker"], WORKLOADS["rows"])
BUSY_CONCURRENCY: Final = 16
RATE: Final = 200
REQUESTS: Final = 2000
QUICK_REQUESTS: Final = 400

STRANGER_CODE: Final = """
from benchmarks.steps import edit_distance
while True:
    edit_distance(range(80), range(40, 120))
"""


@dataclass(frozen=True)
class Situations:
    """The p99 of a steady load in microseconds: alone, beside a stranger's busy process, beside a busy servable."""

    alone_us: float
    stranger_us: float
    servable_us: float


def median_of(rounds: Sequence[Situations]) -> Situations | None:
    """Situation by situation; None when there are no rounds."""
    if not rounds:
        return None
    return Situations(
        statistics.median(each.alone_us for each in rounds),
        statistics.median(each.stranger_us for each in rounds),
        statistics.median(each.servable_us for each in rounds),
    )


def measure_isolation(bench: Bench) -> Generator[Situations | Problem]:
    """Every round as it comes. Closing the generator stops the server that is running."""
    for number in range(1, bench.options.rounds + 1):
        say(f"round {number}/{bench.options.rounds} · {ISOLATION}")
        try:
            with bench.serving(*STEADY, BUSY) as serving, serving.process.blamed():
                result = _one_round(bench, serving)
            yield result
        except (ServerFailed, WrongAnswer, LoadFailed) as problem:
            yield problem_of(number, STEADY[0], ISOLATION, problem)


def _one_round(bench: Bench, serving: Serving) -> Situations:
    serving.process.wait_for_port(serving.ports["grpc"])
    server, workload = BUSY
    with ExitStack() as checks:
        steady = checks.enter_context(_checked(bench, serving))
        busy = checks.enter_context(_checked(bench, replace(serving, server=server, workload=workload)))
        return Situations(
            _p99(bench, serving, steady, nullcontext()),
            _p99(bench, serving, steady, _stranger(bench)),
            _p99(bench, serving, steady, background_load(busy, BUSY_CONCURRENCY, serving.scratch)),
        )


@contextmanager
def _checked(bench: Bench, serving: Serving) -> Iterator[Target]:
    """The load's request to one of the servables, which is checked before and all the while."""
    asked = {serving.form("grpc"): serving.ports["grpc"]}
    with checking(bench.tools, serving.workload.name, asked) as checker:
        checker.check_before()
        yield bench.target(serving, "grpc", checker.answer_bytes)
        checker.finish()


def _p99(bench: Bench, serving: Serving, target: Target, beside: AbstractContextManager[None]) -> float:
    requests = QUICK_REQUESTS if bench.options.quick else REQUESTS
    with beside:
        run_steady(target, RATE, requests // 10, serving.scratch)
        return percentile(run_steady(target, RATE, requests, serving.scratch), 0.99)


@contextmanager
def _stranger(bench: Bench) -> Iterator[None]:
    """A process on the server's core that has nothing to do with it and does the same work without an end."""
    command = pinned([str(bench.tools.python), "-c", STRANGER_CODE], [bench.cores.server])
    process = subprocess.Popen(command, env=bench.tools.variables(), start_new_session=True)
    try:
        yield
        if process.poll() is not None:
            raise LoadFailed("the busy process beside the server came to an end")
    finally:
        process.kill()
        process.wait()
