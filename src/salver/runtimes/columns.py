"""Whole tensors on their way into a model and out of it, as the runtimes in a worker have them in common."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from salver.authoring.spec import Port
from salver.workers.stage import Column, texts

_TEXTS = {"str": str, "bytes": bytes}


def check_columns(ports: Sequence[Port], columns: Sequence[Column]) -> None:
    """Raises ValueError unless these are what the ports take; a symbol has one length wherever it stands."""
    if len(columns) != len(ports):
        raise ValueError(f"{len(ports)} inputs are needed, but {len(columns)} were given")
    lengths: dict[str, int] = {}
    for port, column in zip(ports, columns, strict=True):
        shape = (len(column),) if isinstance(column, list) else column.shape
        if not _has_dtype(port, column) or not _has_dims(port, shape, lengths):
            raise ValueError(f"input {port} was given {_dtype(column)}{list(shape)}")


def leaves(results: object) -> Iterator[Any]:
    """What lies in nested tuples, lists and dictionaries, in order."""
    if isinstance(results, Mapping):
        results = tuple(results.values())
    if isinstance(results, tuple | list):
        for result in results:
            yield from leaves(result)
    else:
        yield results


def _has_dtype(port: Port, column: Column) -> bool:
    if port.dtype is None:
        return True
    values = texts(column)
    if values is not None:
        text = _TEXTS.get(port.dtype)
        return text is not None and all(isinstance(value, text) for value in values)
    return not isinstance(column, list) and column.dtype.name == port.dtype


def _has_dims(port: Port, shape: Sequence[int], lengths: dict[str, int]) -> bool:
    """A symbol that is met for the first time takes the length that it meets."""
    if port.dims is None:
        return True
    if len(shape) != len(port.dims):
        return False
    for dim, length in zip(port.dims, shape, strict=True):
        wanted = lengths.setdefault(dim, length) if isinstance(dim, str) and dim else dim
        if wanted not in ("", length):
            return False
    return True


def _dtype(column: Column) -> str:
    values = texts(column)
    if values is not None:
        return type(next(iter(values), "")).__name__
    return np.asarray(column).dtype.name
