"""The code of stages that are models which this worker runs."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from salver.authoring.spec import Port
from salver.workers.servable_config.graphs import Graph
from salver.workers.servable_config.values import Tensor
from salver.workers.stage import Batch, Column, Failure, Stage, StageFailed

if TYPE_CHECKING:
    from salver.runtimes.workers import ModelCode

_log = logging.getLogger("salver.servable")

_UNSIZED = (None, "str", "bytes")


class ModelRun(Stage):
    """Puts rows together to the tensors of the model, and takes its outputs apart.

    As in the original a row's input must have the declared type and the declared number of bytes; its shape is made
    the declared one. Where the model has a fixed number of rows, missing ones are copies of the first.
    """

    def __init__(self, graph: Graph, code: "ModelCode") -> None:
        self._graph = graph
        self._code = code

    def run(self, batch: Batch) -> list[Column]:
        columns = [self._fitted(index, column) for index, column in enumerate(batch.columns)]
        if self._graph.batched:
            return self._run_together(columns, batch.rows)
        apart = [self._run_code([_one(column, row) for column in columns]) for row in range(batch.rows)]
        return [_stacked(outputs) for outputs in zip(*apart, strict=True)]

    def warm_up(self) -> None:
        """Run it once, with zeros, if its shapes are known. Whether it takes those says nothing of callers' rows."""
        rows = [_zero_row(port) for port in self._graph.inputs]
        columns: list[Column] = [row for row in rows if row is not None]
        if len(columns) == len(rows):
            try:
                self.run(Batch(1, columns))
            except StageFailed as error:
                _log.warning("the model '%s' is not warmed up, for it does not run zeros: %s", self._graph.name, error)

    def _fitted(self, index: int, column: Column) -> Column:
        port = self._graph.inputs[index]
        failure = refusal(index, column, port)
        if failure is not None:
            raise StageFailed(Failure(failure, kind="invalid"))
        fixed = port.fixed
        return column if fixed is None or not isinstance(column, np.ndarray) else column.reshape(len(column), *fixed)

    def _run_together(self, columns: Sequence[Column], rows: int) -> list[Column]:
        whole = self._graph.whole
        size = self._graph.size or rows
        given = [_one(column, 0) if index in whole else _filled(column, size) for index, column in enumerate(columns)]
        outputs = self._run_code(given)
        for index, output in enumerate(outputs):
            if np.ndim(output) == 0 or len(output) != size:
                text = f"Predict Failed: output {index} is not of {size} rows, as the model's inputs are"
                raise StageFailed(Failure(text, kind="output"))
        return [output[:rows] for output in outputs]

    def _run_code(self, given: Sequence[Column]) -> list[Column]:
        try:
            return self._code.run(given)
        except StageFailed as error:
            raise StageFailed(replace(error.failure, message=f"Predict Failed: {error}")) from error
        except ValueError as error:
            raise StageFailed(Failure(f"Predict Failed: {error}", kind="invalid")) from error


def refusal(index: int, column: Column, port: Port) -> str | None:
    """Why the column is no input of this kind, in the original's words."""
    if not isinstance(column, np.ndarray):
        given = "str" if isinstance(column[0], str) else "bytes"
        return None if port.dtype in (None, given) else _other_type(index, given, port)
    if port.fixed is not None and port.dtype not in _UNSIZED:
        size, declared = column.nbytes // len(column), _itemsize(port.dtype) * math.prod(port.fixed)
        if size != declared:
            return f"Given model input {index} size {size} not match the size {declared} defined in model"
    if port.dtype not in (None, column.dtype.name):
        return _other_type(index, column.dtype.name, port)
    if port.fixed is None and not port.admits(column.shape[1:]):
        shown = [dim or "any" for dim in port.dims or ()]
        return f"Given model input {index} shape {list(column.shape[1:])} not match the shape {shown} defined in model"
    return None


def _itemsize(dtype: str | None) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _other_type(index: int, given: str, port: Port) -> str:
    one, other = ("String" if dtype == "str" else str(dtype).capitalize() for dtype in (given, port.dtype))
    return f"Given model input {index} data type kMSI_{one} not match the data type kMSI_{other} defined in model"


def _one(column: Column, row: int) -> Column:
    """One row as a whole tensor; text or bytes is one of one element."""
    return column[row] if isinstance(column, np.ndarray) else column[row : row + 1]


def _filled(column: Column, rows: int) -> Column:
    missing = rows - len(column)
    if not missing:
        return column
    if not isinstance(column, np.ndarray):
        return column + column[:1] * missing  # type: ignore[operator]
    return np.concatenate([column, np.repeat(column[:1], missing, axis=0)])


def _stacked(outputs: Sequence[Column]) -> Column:
    """The same output of several runs; a text or bytes output is one for each run."""
    if isinstance(outputs[0], np.ndarray):
        return np.stack(cast("Sequence[Tensor]", outputs))
    return [each for output in outputs for each in output]  # type: ignore[return-value]


def _zero_row(port: Port) -> Tensor | None:
    if port.fixed is None or port.dtype in (*_UNSIZED, "bfloat16"):
        return None
    return np.zeros((1, *port.fixed), port.dtype)
