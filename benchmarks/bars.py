"""The bars salver is held to, as data, and whether a run met them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.changes import CHANGES, FIRST_CHANGES, Growth, Loading
from benchmarks.isolation import Situations
from benchmarks.servers import SERVERS
from benchmarks.standing import Standing
from benchmarks.summary import Key, Summary
from benchmarks.workloads import Protocol

Asked = tuple[str, Protocol]
"""A server, by one of its protocols."""

PROTOCOL_TITLES: Final[dict[Protocol, str]] = {"grpc": "gRPC", "http": "HTTP"}


@dataclass(frozen=True)
class RatioBar:
    """Our median figure over the peer's, over the best one's where there are several.

    A rate must reach the limit; a latency must stay within it.
    """

    workload: str
    concurrency: int
    ours: Asked
    theirs: tuple[Asked, ...]
    limit: float
    latency: bool = False

    @property
    def title(self) -> str:
        figure = "p50" if self.latency else "requests/s"
        peer = _title(self.theirs[0]) if len(self.theirs) == 1 else "the best peer"
        return f"`{self.workload}`, c={self.concurrency}, {figure}: {_title(self.ours)} against {peer}"

    @property
    def wanted(self) -> str:
        return f"{'<=' if self.latency else '>='} {self.limit:g} x"

    def verdict(self, summary: Summary) -> Verdict:
        """There is one when all that are compared have figures."""
        ours, theirs = self._figure(summary, self.ours), {each: self._figure(summary, each) for each in self.theirs}
        figures = {each: figure for each, figure in theirs.items() if figure is not None}
        if ours is None or len(figures) < len(theirs):
            return Verdict(self.title, self.wanted, "not measured", None)
        best = (min if self.latency else max)(figures, key=lambda each: figures[each])
        value = ours / figures[best]
        got = f"{value:.2f} x" + (f" ({_title(best)})" if len(figures) > 1 else "")
        return Verdict(self.title, self.wanted, got, value <= self.limit if self.latency else value >= self.limit)

    def _figure(self, summary: Summary, asked: Asked) -> float | None:
        server, protocol = asked
        figure = summary.p50 if self.latency else summary.rate
        spread = figure(Key(server, self.workload, protocol, self.concurrency))
        return spread.median if spread else None


@dataclass(frozen=True)
class DelayBar:
    """By how much our median latency at one request at a time may exceed another one."""

    workload: str
    ours: Asked
    theirs: Asked
    limit_ms: float

    @property
    def title(self) -> str:
        return f"`{self.workload}`, c=1, p50: {_title(self.ours)} beyond {_title(self.theirs)}"

    def verdict(self, summary: Summary) -> Verdict:
        """There is one when both have figures."""
        wanted = f"<= {self.limit_ms:g} ms"
        ours, theirs = (
            summary.p50(Key(server, self.workload, protocol, 1)) for server, protocol in (self.ours, self.theirs)
        )
        if ours is None or theirs is None:
            return Verdict(self.title, wanted, "not measured", None)
        value = (ours.median - theirs.median) / 1000
        return Verdict(self.title, wanted, f"{value:.3f} ms", value <= self.limit_ms)


def _title(asked: Asked) -> str:
    server, protocol = asked
    return f"{SERVERS[server].title}, {PROTOCOL_TITLES[protocol]}"


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


TRITON_GRPC: Final[Asked] = ("triton", "grpc")
TRITON_HTTP: Final[Asked] = ("triton", "http")
GRPC_AIO: Final[Asked] = ("grpc_aio", "grpc")
MOSEC: Final[Asked] = ("mosec", "http")
LITSERVE: Final[Asked] = ("litserve", "http")
SALVER_GRPC: Final[Asked] = ("salver", "grpc")
SALVER_HTTP: Final[Asked] = ("salver", "http")
PREDICT_GRPC: Final[Asked] = ("salver_predict", "grpc")
PYTHON_GRPC: Final[Asked] = ("salver_python", "grpc")
PYTHON_HTTP: Final[Asked] = ("salver_python", "http")

JOINED_GRPC: Final[Asked] = ("salver_joined", "grpc")
REST_HTTP: Final[Asked] = ("salver_rest", "http")
ONE_WORKER: Final[Asked] = ("mindspore_one_worker", "grpc")
RUN_GRPC: Final[Asked] = ("run_blocking", "grpc")
GRPCIO: Final[tuple[Asked, ...]] = (("grpcio_blocking", "grpc"), ("grpcio_looped", "grpc"))
FACES_GRPC: Final[Asked] = ("salver_faces", "grpc")
GRPCIO_FACES: Final[Asked] = ("grpcio_faces", "grpc")
TWO_WORKERS: Final[Asked] = ("mindspore_two_workers", "grpc")

RATIO_BARS: Final = (
    RatioBar("add", 64, SALVER_GRPC, (TRITON_GRPC,), 6),
    RatioBar("add", 64, SALVER_GRPC, (GRPC_AIO,), 25),
    RatioBar("add", 1, SALVER_GRPC, (TRITON_GRPC,), 0.5, latency=True),
    RatioBar("add", 64, SALVER_HTTP, (MOSEC,), 1.5),
    RatioBar("tensor", 16, SALVER_GRPC, (TRITON_GRPC,), 2),
    RatioBar("tensor", 16, SALVER_HTTP, (TRITON_HTTP,), 2),
    RatioBar("tensor", 16, SALVER_GRPC, (MOSEC,), 1.2),
    RatioBar("tensor", 16, SALVER_HTTP, (MOSEC,), 1.2),
    RatioBar("mlp", 64, SALVER_GRPC, (TRITON_GRPC,), 3),
    RatioBar("mlp", 64, SALVER_HTTP, (TRITON_HTTP,), 3),
    RatioBar("mlp", 64, PREDICT_GRPC, (SALVER_GRPC,), 0.9),
    RatioBar("tensor", 16, PREDICT_GRPC, (SALVER_GRPC,), 0.9),
    RatioBar("add", 64, PYTHON_GRPC, (TRITON_GRPC,), 5),
    RatioBar("add", 64, PYTHON_GRPC, (GRPC_AIO,), 20),
    RatioBar("add", 1, PYTHON_GRPC, (TRITON_GRPC,), 0.6, latency=True),
    RatioBar("tensor", 16, PYTHON_GRPC, (TRITON_GRPC,), 1.5),
    RatioBar("tensor", 16, PYTHON_HTTP, (TRITON_HTTP,), 1.5),
    RatioBar("image", 16, PYTHON_GRPC, (GRPC_AIO, MOSEC, LITSERVE), 1.3),
    RatioBar("image", 16, PYTHON_HTTP, (GRPC_AIO, MOSEC, LITSERVE), 1.3),
    RatioBar("add", 64, REST_HTTP, (SALVER_HTTP,), 0.8),
    RatioBar("instances", 16, TWO_WORKERS, (ONE_WORKER,), 1.8),
    RatioBar("empty", 64, RUN_GRPC, GRPCIO, 6),
    RatioBar("echo", 64, RUN_GRPC, GRPCIO, 6),
    RatioBar("empty", 1, RUN_GRPC, GRPCIO, 0.5, latency=True),
    RatioBar("echo", 1, RUN_GRPC, GRPCIO, 0.5, latency=True),
    RatioBar("count", 64, RUN_GRPC, GRPCIO, 3),
    RatioBar("chat", 64, RUN_GRPC, GRPCIO, 3),
    RatioBar("faces", 64, FACES_GRPC, (GRPCIO_FACES,), 5),
)

DELAY_BARS: Final = (DelayBar("add", JOINED_GRPC, PYTHON_GRPC, 0.15),)

STANDING_BARS: Final = (
    StandingBar("first answer after the start", "s", 0.5, lambda s: s.first_answer),
    StandingBar("memory at rest", "MB", 80, lambda s: s.idle_memory_bytes / 1e6),
    StandingBar("processor time at rest", "% of a core", 0.2, lambda s: s.idle_cpu_share * 100),
    StandingBar("packages of the base install", "packages", 10, lambda s: len(s.packages)),
)


ISOLATION_TITLE: Final = "`mlp` at a steady rate, p99: beside a busy Python servable against beside a busy stranger"
ISOLATION_LIMIT: Final = 1.5


LOADING_TITLES: Final = {
    "same_us": "`lookup` at a steady rate, p99: while versions of it come and go against the same in another server",
    "other_us": "`lookup` at a steady rate, p99: while versions of another model come and go against the same",
}
LOADING_LIMIT: Final = 1.5
GROWTH_LIMIT: Final = 1.1


@dataclass(frozen=True)
class Alone:
    """What salver showed by itself: the medians of the rounds, and what was measured once."""

    isolation: Situations | None = None
    loading: Loading | None = None
    growth: Growth | None = None
    standing: Standing | None = None


def judge(summary: Summary, alone: Alone) -> Iterator[Verdict]:
    """A verdict for every bar, in the order they are written down."""
    for ratio in RATIO_BARS:
        yield ratio.verdict(summary)
    for delay in DELAY_BARS:
        yield delay.verdict(summary)
    yield _isolation_verdict(alone.isolation)
    for situation, title in LOADING_TITLES.items():
        value = getattr(alone.loading, situation) / alone.loading.stranger_us if alone.loading else None
        yield _verdict(title, LOADING_LIMIT, value)
    growth = alone.growth
    title = f"memory after {CHANGES} more changes of versions against after {FIRST_CHANGES}"
    yield _verdict(title, GROWTH_LIMIT, growth.after_bytes / growth.before_bytes if growth else None)
    standing = alone.standing
    for bar in STANDING_BARS:
        wanted = f"<= {bar.limit:g} {bar.unit}"
        value = bar.value(standing) if standing else None
        got = "not measured" if value is None else f"{value:.3g} {bar.unit}"
        yield Verdict(bar.title, wanted, got, None if value is None else value <= bar.limit)


def _isolation_verdict(isolation: Situations | None) -> Verdict:
    value = isolation.servable_us / isolation.stranger_us if isolation else None
    return _verdict(ISOLATION_TITLE, ISOLATION_LIMIT, value)


def _verdict(title: str, limit: float, value: float | None) -> Verdict:
    """A ratio that must not exceed its limit, if it was measured."""
    wanted = f"<= {limit:g} x"
    if value is None:
        return Verdict(title, wanted, "not measured", None)
    return Verdict(title, wanted, f"{value:.2f} x", value <= limit)
