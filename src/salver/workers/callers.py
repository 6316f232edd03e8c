"""Who asked for the rows of a batch, as the link tells it."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from salver._native import Link


@dataclass(frozen=True)
class LinkCaller:
    """One caller of neighbouring rows, from row `first` of the batch; a `salver.workers.stage.Caller`."""

    link: Link
    batch: int
    first: int
    rows: int
    deadline: float | None
    details: str

    @cached_property
    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.details) if self.details else {}
        return document

    @property
    def metadata(self) -> Sequence[tuple[str, str]]:
        return [(name, value) for name, value in self._document.get("metadata", ())]

    @property
    def parameters(self) -> dict[str, str | int | float | bool]:
        return dict(self._document.get("parameters", {}))

    def cancelled(self) -> bool:
        return self.link.has_left(self.batch, self.first)


def callers(link: Link, batch: int, told: Sequence[tuple[int, float | None, str]]) -> list[LinkCaller]:
    """From the form in which the link tells them."""
    now, first = time.time(), 0
    made = []
    for rows, left, details in told:
        deadline = None if left is None else now + left
        made.append(LinkCaller(link, batch, first, rows, deadline, details))
        first += rows
    return made
