"""Sets everything up, measures round by round, and writes the page and the raw figures."""

from __future__ import annotations

import dataclasses
import datetime
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from benchmarks.bench import Bench
from benchmarks.changes import Growth, Loading, measure_growth, measure_loading
from benchmarks.environments import (
    MINDSPORE_PROTO,
    PREDICT_PROTO,
    PROTO,
    SERVICES_PROTO,
    TOOLS_REQUIREMENTS,
    Environment,
    SetupFailed,
    cache_folder,
    installed_versions,
    make_environment,
)
from benchmarks.isolation import Situations, measure_isolation
from benchmarks.machine import busy_share, choose_cores, describe
from benchmarks.measure import Cell, Problem, measure_rounds
from benchmarks.options import GROWTH, ISOLATION, LOADING, STANDING, Options, parse
from benchmarks.process import ServerFailed
from benchmarks.progress import say
from benchmarks.report import Results, page
from benchmarks.servers import SERVERS
from benchmarks.standing import Standing, measure_standing, salver_python


def main() -> int:
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        results = run(options)
    except SetupFailed as problem:
        say(f"the benchmark cannot run: {problem}")
        return 1
    except KeyboardInterrupt:
        say("interrupted: every server is stopped, nothing is written")
        return 130
    write(results)
    return 1 if results.problems else 0


def run(options: Options) -> Results:
    machine = describe()
    tools = make_environment("tools", TOOLS_REQUIREMENTS, (PROTO, PREDICT_PROTO, MINDSPORE_PROTO, SERVICES_PROTO))
    peers, missing = _make_peers(options)
    bench = Bench(options, choose_cores(), _prepare(tools), tools, peers)
    if busy_share() > 0.5:
        say("other programs are using this machine: the figures will be unsteady")
    found: list[Cell | Problem | Situations | Loading] = []
    with closing(measure_rounds(bench)) as rounds:
        found.extend(rounds)
    if ISOLATION in options.parts and options.salver is not None:
        with closing(measure_isolation(bench)) as rounds_of_isolation:
            found.extend(rounds_of_isolation)
    if LOADING in options.parts and options.salver is not None:
        with closing(measure_loading(bench)) as rounds_of_loading:
            found.extend(rounds_of_loading)
    growth, failures = _once(bench, GROWTH, measure_growth)
    standing, more_failures = _once(bench, STANDING, measure_standing)
    return Results(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        options=options,
        machine=machine,
        versions=_versions(bench),
        missing=missing,
        cells=[one for one in found if isinstance(one, Cell)],
        problems=[one for one in found if isinstance(one, Problem)] + failures + more_failures,
        isolation=[one for one in found if isinstance(one, Situations)],
        loading=[one for one in found if isinstance(one, Loading)],
        growth=growth,
        standing=standing,
    )


def _make_peers(options: Options) -> tuple[dict[str, Environment], dict[str, str]]:
    """The peers that can run here, and the reasons of those that cannot."""
    made: dict[str, Environment] = {}
    missing: dict[str, str] = {}
    if options.salver is None:
        missing["salver"] = "no salver command beside this Python or on PATH; build it, or name it with --salver"
    for name in options.servers:
        if not SERVERS[name].ours:
            try:
                made[name] = make_environment(name, SERVERS[name].requirements)
            except SetupFailed as problem:
                missing[name] = str(problem)
    return made, missing


def _prepare(tools: Environment) -> Path:
    fixtures = cache_folder() / "fixtures"
    command = [str(tools.python), "-m", "benchmarks.tools.prepare", str(fixtures)]
    done = subprocess.run(command, env=tools.variables(), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise SetupFailed(f"the models could not be written: {done.stderr.strip()[-500:]}")
    return fixtures


Figures = TypeVar("Figures", Growth, Standing)


def _once(bench: Bench, part: str, measure: Callable[[Bench], Figures]) -> tuple[Figures | None, list[Problem]]:
    """What is measured of salver alone, and once."""
    if bench.options.salver is None or part not in bench.options.parts:
        return None, []
    try:
        return measure(bench), []
    except ServerFailed as problem:
        return None, [Problem(0, "salver", part, str(problem))]


def _versions(bench: Bench) -> dict[str, dict[str, str]]:
    versions = {name: environment.versions() for name, environment in bench.peers.items()}
    if bench.options.salver is not None:
        ours = installed_versions(salver_python(bench))
        versions = {name: ours for name in bench.options.servers if SERVERS[name].ours} | versions
    return versions


def write(results: Results) -> None:
    """The page, the raw figures beside it, and the page on the terminal."""
    out = results.options.out
    out.mkdir(parents=True, exist_ok=True)
    text = page(results)
    (out / "README.md").write_text(text)
    (out / "raw.json").write_text(json.dumps(_raw(results), indent=1) + "\n")
    print(text)
    say(f"written to {out}")


def _raw(results: Results) -> dict[str, object]:
    raw = dataclasses.asdict(results)
    chosen = raw.pop("options")
    raw["options"] = {name: chosen[name] for name in ("parts", "servers", "rounds", "requests", "quick")}
    return raw


if __name__ == "__main__":
    sys.exit(main())
