"""The bars salver is held to, as data, and whether a run met them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.servers import SERVERS
from benchmarks.standing import Standing
from benchmarks.summary import Key, Summary
from benchmarks.workloads import Protocol


@dataclass(frozen=True)
class RatioBar:
    """salver's median figure over a peer's. A rate must reach the limit; a latency must stay within it."""

    workload: str
    concurrency: int
    ours: Protocol
    peer: str
    theirs: Protocol
    limit: float
    latency: bool = False

    @property
    def title(self) -> str:
        figure = "p50" if self.latency else "requests/s"
        ours = "gRPC" if self.ours == "grpc" else "HTTP"
        return f"`{self.workload}`, c={self.concurrency}, {figure}: {ours} against {SERVERS[self.peer].title}"

    def value(self, summary: Summary) -> float | None:
        figure = summary.p50 if self.latency else summary.rate
        ours = figure(Key("salver", self.workload, self.ours, self.concurrency))
        theirs = figure(Key(self.peer, self.workload, self.theirs, self.concurrency))
        return ours.median / theirs.median if ours and theirs else None


@dataclass(frozen=True)
class StandingBar:
    """A figure of salver alone that must not exceed its limit."""

    title: str
    unit: str
    limit: float
    value: Callable[[Standing], float]


@dataclass(frozen=True)
class Verdict:
    """One line of the table of bars; `met` is None when there is no figure."""

    title: str
    wanted: str
    got: str
    met: bool | None


RATIO_BARS: Final = (
    RatioBar("add", 64, "grpc", "triton", "grpc", 6),
    RatioBar("add", 64, "grpc", "grpc_aio", "grpc", 25),
    RatioBar("add", 1, "grpc", "triton", "grpc", 0.5, latency=True),
    RatioBar("add", 64, "http", "mosec", "http", 1.5),
    RatioBar("tensor", 16, "grpc", "triton", "grpc", 2),
    RatioBar("tensor", 16, "http", "triton", "http", 2),
    RatioBar("tensor", 16, "grpc", "mosec", "http", 1.2),
    RatioBar("tensor", 16, "http", "mosec", "http", 1.2),
    RatioBar("mlp", 64, "grpc", "triton", "grpc", 3),
    RatioBar("mlp", 64, "http", "triton", "http", 3),
)

STANDING_BARS: Final = (
    StandingBar("first answer after the start", "s", 0.5, lambda s: s.first_answer),
    StandingBar("memory at rest", "MB", 80, lambda s: s.idle_memory_bytes / 1e6),
    StandingBar("processor time at rest", "% of a core", 0.2, lambda s: s.idle_cpu_share * 100),
    StandingBar("packages of the base install", "packages", 10, lambda s: len(s.packages)),
)


def judge(summary: Summary, standing: Standing | None) -> Iterator[Verdict]:
    """A verdict for every bar, in the order they are written down."""
    for ratio in RATIO_BARS:
        yield _ratio_verdict(ratio, ratio.value(summary))
    for bar in STANDING_BARS:
        wanted = f"<= {bar.limit:g} {bar.unit}"
        value = bar.value(standing) if standing else None
        got = "not measured" if value is None else f"{value:.3g} {bar.unit}"
        yield Verdict(bar.title, wanted, got, None if value is None else value <= bar.limit)


def _ratio_verdict(bar: RatioBar, value: float | None) -> Verdict:
    wanted = f"{'<=' if bar.latency else '>='} {bar.limit:g} x"
    if value is None:
        return Verdict(bar.title, wanted, "not measured", None)
    return Verdict(bar.title, wanted, f"{value:.2f} x", value <= bar.limit if bar.latency else value >= bar.limit)
