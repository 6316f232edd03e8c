"""A steady load at one rate, whose p99 is compared in several situations, round by round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Final, TypeVar

from benchmarks.bench import Bench, Serving
from benchmarks.checking import WrongAnswer, checking
from benchmarks.load import LoadFailed, Target, percentile, run_steady
from benchmarks.measure import Problem, problem_of
from benchmarks.process import ServerFailed
from benchmarks.progress import say
from benchmarks.servers import Server
from benchmarks.workloads import Workload

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    R = TypeVar("R", bound=DataclassInstance)

RATE: Final = 200
REQUESTS: Final = 2000
QUICK_REQUESTS: Final = 400


def median_of(rounds: Sequence[R]) -> R | None:
    """Figure by figure; None when there are no rounds."""
    if not rounds:
        return None
    names = [field.name for field in fields(rounds[0])]
    return type(rounds[0])(**{name: statistics.median(getattr(each, name) for each in rounds) for name in names})


def measure_each_round(
    bench: Bench, part: str, served: Sequence[tuple[Server, Workload]], measure: Callable[[Bench, Serving], R]
) -> Generator[R | Problem]:
    """Every round of a part as it comes, with these servables. Closing the generator stops the server that is running.

    `measure` is called once the server listens.
    """
    for number in range(1, bench.options.rounds + 1):
        say(f"round {number}/{bench.options.rounds} · {part}")
        try:
            with bench.serving(*served[0], *served[1:]) as serving, serving.process.blamed():
                serving.process.wait_for_port(serving.ports["grpc"])
                result = measure(bench, serving)
            yield result
        except (ServerFailed, WrongAnswer, LoadFailed) as problem:
            yield problem_of(number, served[0][0], part, problem)


@contextmanager
def checked(bench: Bench, serving: Serving) -> Iterator[Target]:
    """The load's request to a servable, whose answers are checked before and all the while."""
    asked = {serving.form("grpc"): serving.ports["grpc"]}
    with checking(bench.tools, serving.workload.name, asked) as checker:
        checker.check_before()
        yield bench.target(serving, "grpc", checker.answer_bytes)
        checker.finish()


def p99_us(bench: Bench, serving: Serving, target: Target, beside: AbstractContextManager[None]) -> float:
    """Of the steady load, while something goes on beside it."""
    requests = QUICK_REQUESTS if bench.options.quick else REQUESTS
    with beside:
        run_steady(target, RATE, requests // 10, serving.scratch)
        return percentile(run_steady(target, RATE, requests, serving.scratch), 0.99)
