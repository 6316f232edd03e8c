"""Calls of a model from inside a stage's code: into the same engine, which batches them with everybody's."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from salver.workers.stage import Column, Piece

# (method, rows, columns) -> pieces that cover the rows in order
Call = Callable[[str, int, list[Column]], list[Piece]]

_current = threading.local()


class NoWorker(RuntimeError):
    """A model was called outside a stage's code."""


def call(method: str, rows: int, columns: list[Column]) -> list[Piece]:
    """Call a hidden method (`@call_<model>_<subgraph>`) of the servable whose stage runs in this thread."""
    made: Call | None = getattr(_current, "call", None)
    if made is None:
        raise NoWorker("a model can be called only by code that a salver worker runs, while it serves")
    return made(method, rows, columns)


@contextmanager
def calling_by(made: Call) -> Iterator[None]:
    """Let code in this thread call models by `made`."""
    _current.call = made
    try:
        yield
    finally:
        del _current.call
