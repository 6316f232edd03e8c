"""What a busy Python servable costs an ONNX servable of the same server, against what any busy process costs it."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.bench import Bench, Serving
from benchmarks.load import LoadFailed, background_load
from benchmarks.measure import Problem
from benchmarks.options import ISOLATION
from benchmarks.process import pinned
from benchmarks.servers import SERVERS
from benchmarks.steady import checked, measure_each_round, p99_us
from benchmarks.workloads import WORKLOADS

STEADY: Final = (SERVERS["salver"], WORKLOADS["mlp"])
BUSY: Final = (SERVERS["salver_one_worker"], WORKLOADS["rows"])
BUSY_CONCURRENCY: Final = 16

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


def measure_isolation(bench: Bench) -> Generator[Situations | Problem]:
    """Every round as it comes. Closing the generator stops the server that is running."""
    return measure_each_round(bench, ISOLATION, (STEADY, BUSY), _one_round)


def _one_round(bench: Bench, serving: Serving) -> Situations:
    server, workload = BUSY
    with ExitStack() as checks:
        steady = checks.enter_context(checked(bench, serving))
        busy = checks.enter_context(checked(bench, replace(serving, server=server, workload=workload)))
        return Situations(
            p99_us(bench, serving, steady, nullcontext()),
            p99_us(bench, serving, steady, _stranger(bench)),
            p99_us(bench, serving, steady, background_load(busy, BUSY_CONCURRENCY, serving.scratch)),
        )


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
