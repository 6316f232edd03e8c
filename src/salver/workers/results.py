"""From what became of row after row to columns: neighbours that are alike are put together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from salver.workers.stage import Column, Failure, Piece

Array = NDArray[Any]

# One output of one row.
Value = Array | np.generic | str | bytes


class Results:
    """What became of `rows` rows; each is told of once, in their order."""

    def __init__(self, rows: int) -> None:
        self._left = rows
        self._pieces: list[Piece] = []
        self._signature: list[object] | None = None
        self._columns: list[Array | list[str | bytes]] = []
        self._filled = 0

    def add(self, values: Sequence[Value]) -> None:
        """The next row has these outputs. They are copied: functions may give one buffer again and again."""
        signature = [_signature(value) for value in values]
        if signature != self._signature:
            self._close()
            self._signature = signature
            self._columns = [_empty(value, self._left) for value in values]
        for column, value in zip(self._columns, values, strict=True):
            if isinstance(column, np.ndarray):
                column[self._filled] = value
            else:
                column.append(value)  # type: ignore[arg-type]
        self._filled += 1
        self._left -= 1

    def fail(self, failure: Failure, rows: int = 1) -> None:
        """The next rows have no outputs."""
        self._close()
        self._pieces.append(Piece(rows, failure))
        self._left -= rows

    def all(self) -> list[Column] | list[Piece]:
        """All of it: columns if every row has outputs and they are alike, else pieces."""
        self._close()
        if len(self._pieces) == 1 and not isinstance(self._pieces[0].outcome, Failure):
            return self._pieces[0].outcome
        return self._pieces

    def _close(self) -> None:
        if self._signature is not None:
            columns: list[Any] = [column[: self._filled] for column in self._columns]
            self._pieces.append(Piece(self._filled, columns))
        self._signature, self._columns, self._filled = None, [], 0


def one_row(values: Sequence[Value]) -> list[Column]:
    """The columns that are this one row."""
    columns: list[Any] = [
        [value] if isinstance(value, str | bytes) else np.asarray(value, order="C")[np.newaxis] for value in values
    ]
    return columns


def _signature(value: Value) -> object:
    return type(value) if isinstance(value, str | bytes) else (value.dtype, value.shape)


def _empty(value: Value, rows: int) -> Array | list[str | bytes]:
    return [] if isinstance(value, str | bytes) else np.empty((rows, *value.shape), value.dtype)
