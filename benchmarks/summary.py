"""From single cells to medians over the rounds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.measure import Cell
from benchmarks.workloads import Protocol


class Key(NamedTuple):
    """What is compared: one server under one load."""

    server: str
    workload: str
    protocol: Protocol
    concurrency: int


@dataclass(frozen=True)
class Spread:
    """A figure over all rounds."""

    median: float
    low: float
    high: float


class Summary:
    """The rounds' figures, by key."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells: dict[Key, list[Cell]] = defaultdict(list)
        for cell in cells:
            self._cells[Key(cell.server, cell.workload, cell.protocol, cell.concurrency)].append(cell)

    def servers(self, workload: str, protocol: Protocol) -> list[str]:
        """The servers with figures for this, in the order in which they were asked."""
        return list(dict.fromkeys(k.server for k in self._cells if (k.workload, k.protocol) == (workload, protocol)))

    def rate(self, key: Key) -> Spread | None:
        return self._spread(key, lambda cell: cell.rate)

    def p50(self, key: Key) -> Spread | None:
        return self._spread(key, lambda cell: cell.p50_us)

    def p99(self, key: Key) -> Spread | None:
        return self._spread(key, lambda cell: cell.p99_us)

    def cpu(self, key: Key) -> Spread | None:
        return self._spread(key, lambda cell: cell.cpu_us)

    def memory(self, key: Key) -> Spread | None:
        return self._spread(key, lambda cell: cell.memory_bytes)

    def generator(self, key: Key) -> Spread | None:
        return self._spread(key, lambda cell: cell.generator_share)

    def _spread(self, key: Key, figure: Callable[[Cell], float | None]) -> Spread | None:
        figures = [value for cell in self._cells.get(key, []) if (value := figure(cell)) is not None]
        return Spread(statistics.median(figures), min(figures), max(figures)) if figures else None
