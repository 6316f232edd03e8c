"""Columns as the link brings and takes them: views of received memory in, arrays and lists out."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from salver._native import View
from salver.problems import encodable
from salver.workers.dtypes import numpy_dtype
from salver.workers.stage import Column, Failure, Kind, Piece, texts

Shown = tuple[str, tuple[int, ...], View | list[str] | list[bytes]]
Failed = tuple[str, str, str, int, str]

_LONGEST = 8192


def shown(column: Shown) -> Column:
    """What was received, as a stage gets it. Raises Unusable for numbers of a kind that numpy needs a package for."""
    name, shape, data = column
    array: NDArray[Any]
    if isinstance(data, list):
        # Some clients write a single text as a tensor of one.
        if len(data) == shape[0]:
            return data
        array = np.array(data, np.object_).reshape(shape)
    else:
        array = np.ndarray(shape, numpy_dtype(name), cast(Any, data))
    return array


def given(column: Column) -> Any:
    """What a stage gave, as the link takes it."""
    if not isinstance(column, np.ndarray):
        return column
    if column.dtype.kind == "O":
        return column.shape, texts(column)
    if not column.flags.c_contiguous:
        column = np.ascontiguousarray(column)
    if column.dtype.kind == "V" and column.dtype.name == "bfloat16":
        return "bfloat16", column.view(np.uint16)
    return column


def given_piece(piece: Piece) -> tuple[int, list[Any] | None, Failed | None]:
    if isinstance(piece.outcome, Failure):
        return piece.rows, None, failed(piece.outcome)
    return piece.rows, [given(column) for column in piece.outcome], None


def shown_piece(rows: int, columns: list[Shown] | None, failure: Failed | None) -> Piece:
    if columns is not None:
        return Piece(rows, [shown(column) for column in columns])
    assert failure is not None
    kind, what, method, index, message = failure
    return Piece(rows, Failure(message, what, method, index, cast(Kind, kind)))


def failed(failure: Failure) -> Failed:
    return failure.kind, failure.what, failure.method, failure.index, _sendable(failure.message)


def _sendable(text: str) -> str:
    """A text of an exception may be anything: a whole document, or half a character of a file's name."""
    more = len(text) - _LONGEST
    cut = f"{text[:_LONGEST]} ... ({more} characters more)" if more > 0 else text
    return encodable(cut)
