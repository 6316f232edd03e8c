"""The page: written from the results of a run alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bars import Alone, judge
from benchmarks.changes import FIRST_CHANGES, Growth, Loading
from benchmarks.isolation import Situations
from benchmarks.load import STREAMS
from benchmarks.measure import Cell, Problem
from benchmarks.options import Options
from benchmarks.servers import SERVERS
from benchmarks.standing import IDLE_SECONDS, Standing
from benchmarks.steady import QUICK_REQUESTS, RATE, REQUESTS, median_of
from benchmarks.summary import Key, Spread, Summary
from benchmarks.workloads import CONCURRENCIES, PROTOCOLS, STREAMED, WORKLOADS

NONE = "-"
METHOD = Path(__file__).with_name("method.md")


@dataclass(frozen=True)
class Results:
    """Everything a run found out."""

    date: str
    options: Options
    machine: Mapping[str, str]
    versions: Mapping[str, Mapping[str, str]]
    missing: Mapping[str, str]
    """Servers that could not be set up here, with the reason."""
    cells: Sequence[Cell]
    problems: Sequence[Problem]
    isolation: Sequence[Situations]
    """One for each round."""
    loading: Sequence[Loading]
    """One for each round."""
    growth: Growth | None
    standing: Standing | None


def page(results: Results) -> str:
    """The whole page as Markdown."""
    summary = Summary(results.cells)
    sections = [
        _head(results),
        _bars(results, summary),
        _failures(results),
        *_workloads(results, summary),
        _isolation(results),
        _changes(results),
        _standing(results),
        _versions(results),
        _machine(results),
        _method(results),
    ]
    return "\n\n".join(section.strip() for section in sections if section) + "\n"


def _head(results: Results) -> str:
    written = f"Written by `make bench` (`python -m benchmarks`) on {results.date}; do not edit."
    lines = ["# Benchmark", f"{written} The figures of every single round are in `raw.json` beside this page."]
    if not results.options.complete:
        lines.append("**A partial run**: it shows that the harness works, its figures decide nothing.")
    return "\n\n".join(lines)


def _bars(results: Results, summary: Summary) -> str:
    marks = {True: "met", False: "**not met**", None: "not measured"}
    alone = Alone(median_of(results.isolation), median_of(results.loading), results.growth, results.standing)
    rows = [(v.title, v.wanted, v.got, marks[v.met]) for v in judge(summary, alone)]
    note = "Ratios are the first one's median over the other one's median in this run."
    return "\n\n".join(["## The bars", note, _table(("bar", "wanted", "got", ""), rows)])


def _failures(results: Results) -> str:
    rows = [(SERVERS[name].title, "all", "not set up: " + reason) for name, reason in results.missing.items()]
    rows += [(SERVERS[p.server].title, f"`{p.workload}`, round {p.round}", p.reason) for p in results.problems]
    if not rows:
        return ""
    cells = [(who, where, why.replace("|", "/")) for who, where, why in rows]
    return "\n\n".join(["## Not measured", _table(("server", "where", "reason"), cells)])


def _workloads(results: Results, summary: Summary) -> Iterator[str]:
    for workload in map(WORKLOADS.__getitem__, results.options.workloads):
        for protocol in PROTOCOLS:
            servers = summary.servers(workload.name, protocol)
            if servers:
                rows = [_row(summary, servers[0], Key(name, workload.name, protocol, 1)) for name in servers]
                title = f"## `{workload.name}` over {'gRPC' if protocol == 'grpc' else 'HTTP/1.1'}"
                yield "\n\n".join([title, f"{workload.title}.", _table(COLUMNS, rows)])


COLUMNS = (
    "server",
    "asked in",
    "c=1 p50 ms",
    "c=1 p99 ms",
    *(f"c={c} req/s (min to max)" for c in CONCURRENCIES),
    "the first line is, at c=1 / 16 / 64",
    "server CPU us/request at the highest c",
    "memory MB",
)


def _row(summary: Summary, first: str, asked: Key) -> tuple[str, ...]:
    """The figures of a server; `first` is the one that stands in the first line."""
    server = SERVERS[asked.server]
    keys = [asked._replace(concurrency=concurrency) for concurrency in CONCURRENCIES]
    highest = asked._replace(concurrency=max(WORKLOADS[asked.workload].requests))
    return (
        server.title,
        server.forms[asked.protocol][asked.workload],
        _scaled(summary.p50(keys[0]), 1e-3),
        _scaled(summary.p99(keys[0]), 1e-3),
        *(_rate(summary, key) for key in keys),
        " / ".join(_advantage(summary, first, key) for key in keys),
        _scaled(summary.cpu(highest), 1),
        _scaled(summary.memory(highest), 1e-6),
    )


def _rate(summary: Summary, key: Key) -> str:
    """A star marks a figure that the load generator's own core may have held back."""
    spread, generator = summary.rate(key), summary.generator(key)
    if spread is None or generator is None:
        return NONE
    star = "\\*" if generator.median > 0.9 else ""
    return f"{_thousands(spread.median)}{star} ({_thousands(spread.low)} to {_thousands(spread.high)})"


def _advantage(summary: Summary, first: str, key: Key) -> str:
    ours, theirs = summary.rate(key._replace(server=first)), summary.rate(key)
    return f"{ours.median / theirs.median:.1f} x" if ours and theirs and key.server != first else NONE


def _isolation(results: Results) -> str:
    found = median_of(results.isolation)
    if found is None:
        return ""
    p99s = {
        "alone": found.alone_us,
        "beside a busy process that has nothing to do with the server": found.stranger_us,
        "beside a busy Python servable of the same server": found.servable_us,
    }
    rows = [(what, f"{p99 / 1000:.3g}", f"{p99 / found.alone_us:.1f} x") for what, p99 in p99s.items()]
    title = f"An ONNX servable (`mlp`) at {RATE} requests/s over gRPC, everything on the server's core."
    return "\n\n".join(["## A busy neighbour", title, _table(("situation", "p99 ms", "against alone"), rows)])


def _changes(results: Results) -> str:
    loading, growth = median_of(results.loading), results.growth
    rows = []
    if loading is not None:
        for what, p99 in (
            ("alone", loading.alone_us),
            ("while versions come and go in another server", loading.stranger_us),
            ("while versions of it come and go", loading.same_us),
            ("while versions of another model come and go", loading.other_us),
        ):
            rows.append((f"`lookup` at {RATE} requests/s, p99, {what}", f"{p99 / 1000:.3g} ms"))
    if growth is not None:
        before, after = f"{growth.before_bytes / 1e6:.1f} MB", f"{growth.after_bytes / 1e6:.1f} MB"
        rows.append((f"memory after {FIRST_CHANGES} changes of versions", before))
        rows.append((f"memory after {growth.changes} more", after))
    if not rows:
        return ""
    return "\n\n".join(["## Versions that come and go", _table(("figure", "measured"), rows)])


def _standing(results: Results) -> str:
    standing = results.standing
    if standing is None:
        return ""
    runs = standing.first_answer_seconds
    rows = [
        (
            "first answer after the start",
            f"{standing.first_answer:.3f} s (median of {len(runs)}, {min(runs):.3f} to {max(runs):.3f})",
        ),
        ("memory at rest", f"{standing.idle_memory_bytes / 1e6:.1f} MB"),
        (f"processor time at rest, over {IDLE_SECONDS:.0f} s", f"{standing.idle_cpu_share:.4%} of a core"),
        ("packages of the base install", f"{len(standing.packages)}: {', '.join(standing.packages)}"),
    ]
    return "\n\n".join(["## salver alone, serving one ONNX model", _table(("figure", "value"), rows)])


def _versions(results: Results) -> str:
    rows = []
    for name, versions in results.versions.items():
        shown = [f"{package} {versions[package]}" for package in SERVERS[name].shown_versions if package in versions]
        rows.append((SERVERS[name].title, ", ".join(shown), SERVERS[name].setting))
    return "\n\n".join(["## Servers", _table(("server", "versions", "how it is set"), rows)])


def _machine(results: Results) -> str:
    return "\n\n".join(["## Machine", _table(("", ""), list(results.machine.items()))])


def _method(results: Results) -> str:
    requests = results.options.requests
    streams = {p: ", ".join(f"{c}x{s}" for c, s in STREAMS[p].values()) for p in PROTOCOLS}
    return METHOD.read_text().format(
        rounds=results.options.rounds,
        requests=WORKLOADS["add"].requests_at(64, requests),
        tensor_requests=WORKLOADS["tensor"].requests_at(64, requests),
        chain_requests=WORKLOADS["chain"].requests_at(64, requests),
        image_requests=WORKLOADS["image"].requests_at(64, requests),
        rows_requests=WORKLOADS["rows"].requests_at(64, requests),
        count_requests=WORKLOADS["count"].requests_at(64, requests),
        streamed=STREAMED,
        instances_requests=WORKLOADS["instances"].requests_at(16, requests),
        rate=RATE,
        steady_requests=QUICK_REQUESTS if results.options.quick else REQUESTS,
        grpc_streams=streams["grpc"],
        http_streams=streams["http"],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _scaled(spread: Spread | None, factor: float) -> str:
    return f"{spread.median * factor:.3g}" if spread else NONE


def _thousands(rate: float) -> str:
    return f"{rate / 1000:.1f} k" if rate >= 1000 else f"{rate:.0f}"
