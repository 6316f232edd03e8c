"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import SERVERS
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SCRATCH_RESULTS = ROOT / "build" / "benchmarks"


STANDING = "standing"
ISOLATION = "isolation"
LOADING = "loading"
GROWTH = "growth"
COMPARED = tuple(name for name, workload in WORKLOADS.items() if workload.requests)
PARTS = (*COMPARED, ISOLATION, LOADING, GROWTH, STANDING)
GROUPS = {
    "python": ("add", "tensor", "chain", "image", "rows", ISOLATION),
    "mindspore": ("add", "instances"),
    "services": ("empty", "echo", "count", "chat", "processes", "faces"),
    "versions": (LOADING, GROWTH),
}
"""Names that stand for several parts."""


@dataclass(frozen=True)
class Options:
    """What to measure, how often, and where to write it."""

    parts: tuple[str, ...]
    servers: tuple[str, ...]
    rounds: int
    requests: int
    quick: bool
    salver: Path | None
    out: Path

    @property
    def workloads(self) -> tuple[str, ...]:
        return tuple(name for name in self.parts if name in WORKLOADS)

    @property
    def complete(self) -> bool:
        """True when nothing was left out by choice."""
        return not self.quick and set(self.parts) == set(PARTS) and set(self.servers) == set(SERVERS)


def parse(arguments: Sequence[str] | None = None) -> Options:
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.salver is not None and not interpreter_of(given.salver).exists():
        parser.error(f"--salver {given.salver}: no Python beside it; name the command inside a virtual environment")
    parts = _parts(given.only)
    partial = given.quick or parts != PARTS or given.peers is not None
    return Options(
        parts=parts,
        servers=_servers(parts, given.peers),
        rounds=given.rounds or (1 if given.quick else 5),
        requests=given.requests or (1600 if given.quick else 32000),
        quick=given.quick,
        salver=_find_salver(given.salver),
        out=given.out or (SCRATCH_RESULTS if partial else RESULTS),
    )


def _parts(names: Sequence[str]) -> tuple[str, ...]:
    """The parts that are named by themselves or in a group, in the order in which they are run."""
    chosen = {part for name in names for part in GROUPS.get(name, (name,))}
    return tuple(part for part in PARTS if part in chosen)


def _servers(parts: Sequence[str], peers: Sequence[str] | None) -> tuple[str, ...]:
    """All of ours and the chosen peers, without those that have nothing to do in these parts."""
    workloads = [WORKLOADS[part] for part in parts if part in WORKLOADS]
    chosen = [server for server in SERVERS.values() if server.ours or peers is None or server.name in peers]
    return tuple(server.name for server in chosen if any(map(server.serves, workloads)))


def _parser() -> argparse.ArgumentParser:
    peers = [name for name, server in SERVERS.items() if not server.ours]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = [*PARTS, *GROUPS]
    named = "; ".join(f"{name} is {', '.join(parts)}" for name, parts in GROUPS.items())
    parser.add_argument(
        "--only", type=_chosen_from(known), default=PARTS, help=f"parts of: {', '.join(known)} ({named})"
    )
    parser.add_argument(
        "--peers", type=_chosen_from(peers), help="servers to compare with, comma-separated (default: all)"
    )
    parser.add_argument("--rounds", type=_positive, help="rounds through all servers (5; with --quick 1)")
    parser.add_argument(
        "--requests", type=_positive, help="requests of `add` at concurrency 64; the rest follows (32000; quick 1600)"
    )
    parser.add_argument("--quick", action="store_true", help="a short run that shows that everything works")
    parser.add_argument("--salver", type=Path, help="the salver command (default: beside this Python, else on PATH)")
    parser.add_argument("--out", type=Path, help="folder of the page (a partial run's default is build/benchmarks)")
    return parser


def _chosen_from(known: list[str]) -> Callable[[str], tuple[str, ...]]:
    def chosen(text: str) -> tuple[str, ...]:
        names = tuple(name.strip() for name in text.split(",") if name.strip())
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return names

    return chosen


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number


def interpreter_of(salver: Path) -> Path:
    """The interpreter that the salver command runs under: the one beside it."""
    return salver.resolve().parent / "python"


def _find_salver(given: Path | None) -> Path | None:
    """The command to measure; None when there is none, which the page then says."""
    if given is not None:
        return given.absolute()
    beside = Path(sys.executable).parent / "salver"
    if beside.exists():
        return beside
    found = shutil.which("salver")
    return Path(found) if found and interpreter_of(Path(found)).exists() else None
