"""Rounds through all servers, one after the other, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from benchmarks.bench import Bench, Serving
from benchmarks.checking import Checker, WrongAnswer, checking
from benchmarks.environments import without_places
from benchmarks.load import Load, LoadFailed, Target, run_load, warm_up
from benchmarks.process import ServerFailed
from benchmarks.progress import say
from benchmarks.servers import Server
from benchmarks.workloads import WORKLOADS, Protocol, Workload


@dataclass(frozen=True)
class Cell:
    """One measured run of the load."""

    round: int
    server: str
    workload: str
    protocol: Protocol
    concurrency: int
    requests: int
    rate: float
    cpu_us: float
    generator_share: float
    p50_us: float | None
    p99_us: float | None
    memory_bytes: int


@dataclass(frozen=True)
class Problem:
    """A server that could not be measured, or not to the end."""

    round: int
    server: str
    workload: str
    reason: str


def measure_rounds(bench: Bench) -> Generator[Cell | Problem]:
    """Every result as it comes. Closing the generator stops the server that is running."""
    for number in range(1, bench.options.rounds + 1):
        for name in bench.options.workloads:
            workload = WORKLOADS[name]
            for server in bench.servers(workload):
                say(f"round {number}/{bench.options.rounds} · {name} · {server.title}")
                yield from _server_results(bench, number, server, workload)


def _server_results(bench: Bench, number: int, server: Server, workload: Workload) -> list[Cell | Problem]:
    """What one server showed in one round; nothing but the problem when an answer was wrong."""
    try:
        if server.looped:
            return [_looped(bench, number, server, workload, at) for at in workload.requests]
        with bench.serving(server, workload) as serving, serving.process.blamed():
            return _measured(bench, number, serving)
    except (ServerFailed, WrongAnswer) as problem:
        return [problem_of(number, server, workload.name, problem)]


def _measured(bench: Bench, number: int, serving: Serving) -> list[Cell | Problem]:
    asked = {serving.form(protocol): serving.ports[protocol] for protocol in serving.server.forms}
    for port in asked.values():
        serving.process.wait_for_port(port)
    with checking(bench.tools, serving.workload.name, asked) as checker:
        checker.check_before()
        targets = _targets(bench, serving, checker)
        results = [one for target in targets for one in _cells(bench, number, serving, target)]
        checker.finish()
    return results


def _looped(bench: Bench, number: int, server: Server, workload: Workload, concurrency: int) -> Cell:
    """What comes of it without a server: it has no concurrency, and stands beside each for comparison."""
    requests = workload.requests_at(concurrency, bench.options.requests)
    seconds = bench.looped(server, workload, requests)
    return Cell(
        round=number,
        server=server.name,
        workload=workload.name,
        protocol="http",
        concurrency=concurrency,
        requests=requests,
        rate=requests / seconds,
        cpu_us=seconds / requests * 1e6,
        generator_share=0.0,
        p50_us=None,
        p99_us=None,
        memory_bytes=0,
    )


def _targets(bench: Bench, serving: Serving, checker: Checker) -> list[Target]:
    return [bench.target(serving, protocol, checker.answer_bytes) for protocol in serving.server.forms]


def _cells(bench: Bench, number: int, serving: Serving, target: Target) -> Iterator[Cell | Problem]:
    for concurrency in serving.workload.requests:
        requests = serving.workload.requests_at(concurrency, bench.options.requests)
        try:
            warm_up(target, concurrency, requests, serving.scratch)
            before = serving.process.cpu_seconds()
            load = run_load(target, concurrency, requests, serving.scratch)
            spent = serving.process.cpu_seconds() - before
            yield _cell(number, serving, target.protocol, load, spent)
        except LoadFailed as problem:
            yield problem_of(number, serving.server, serving.workload.name, problem)


def _cell(number: int, serving: Serving, protocol: Protocol, load: Load, cpu_seconds: float) -> Cell:
    return Cell(
        round=number,
        server=serving.server.name,
        workload=serving.workload.name,
        protocol=protocol,
        concurrency=load.concurrency,
        requests=load.requests,
        rate=load.rate,
        cpu_us=cpu_seconds / load.requests * 1e6,
        generator_share=load.generator_share,
        p50_us=load.p50_us,
        p99_us=load.p99_us,
        memory_bytes=serving.process.memory_bytes(),
    )


def problem_of(number: int, server: Server, where: str, problem: Exception) -> Problem:
    """What is told of it; `where` is a workload or another part of the run."""
    say(f"  {problem}")
    return Problem(number, server.name, where, without_places(str(problem)))
