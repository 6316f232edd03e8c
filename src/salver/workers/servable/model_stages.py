"""The stages that are models which this worker runs."""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from salver.workers.results import Results
from salver.workers.servable.models import LoadedModel
from salver.workers.stage import Batch, Column, Failure, Kind, Piece, Stage, StageFailed

if TYPE_CHECKING:
    from salver.runtimes.workers import ModelCode

_log = logging.getLogger("salver.servable")


def stage_of(loaded: LoadedModel) -> Stage:
    """The code of a model that is not the server's."""
    assert loaded.code is not None
    if loaded.ports.unbatched is not None:
        return RowsApart(loaded.model.path, loaded.code)
    return RowsTogether(loaded.model.path, loaded.code, _sizes(loaded))


def _sizes(loaded: LoadedModel) -> tuple[int, ...]:
    """The numbers of rows that the model may be run with; none if any will do."""
    return loaded.ports.policy.allowed_batch_sizes if loaded.fixed_rows is None else (loaded.fixed_rows,)


class RowsTogether(Stage):
    """Runs batches; where only some numbers of rows will do, what is missing is filled up with the last one."""

    def __init__(self, name: str, code: "ModelCode", sizes: tuple[int, ...]) -> None:
        """`sizes` are those numbers, ascending."""
        self._name = name
        self._code = code
        self._sizes = sizes

    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        size = next((size for size in self._sizes if size >= batch.rows), batch.rows)
        outputs = _run(self._name, self._code, [_filled(column, size) for column in batch.columns], batch.rows)
        for index, output in enumerate(outputs):
            if np.ndim(output) == 0 or len(output) != size:
                text = f"output {index} of the model is not of {size} rows, as its inputs are; declare batching=False"
                raise StageFailed(_failure(self._name, text, "output"))
        return [output[: batch.rows] for output in outputs]


class RowsApart(Stage):
    """Runs one row after the other, each of which is all that the model takes; rows fail one by one."""

    def __init__(self, name: str, code: "ModelCode") -> None:
        self._name = name
        self._code = code

    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        results = Results(batch.rows)
        for row in range(batch.rows):
            try:
                outputs = _run(self._name, self._code, [_one(column, row) for column in batch.columns], 1)
                results.add([_whole(self._name, output) for output in outputs])
            except StageFailed as error:
                results.fail(error.failure)
        return results.all()


def _run(name: str, code: "ModelCode", columns: list[Column], rows: int) -> list[Column]:
    """Input that a model does not take is its caller's fault, once it is clear whose it is."""
    try:
        return code.run(columns)
    except StageFailed as error:
        raise StageFailed(_failure(name, error.failure.message, error.failure.kind)) from error
    except ValueError as error:
        raise StageFailed(_failure(name, str(error), "invalid" if rows == 1 else "raised")) from error
    except Exception as error:
        _log.warning("the model '%s' failed", name, exc_info=error)
        raise StageFailed(_failure(name, f"{type(error).__name__}: {error}", "raised")) from error


def _filled(column: Column, rows: int) -> Any:
    missing = rows - len(column)
    if missing <= 0:
        return column
    if isinstance(column, np.ndarray):
        return np.concatenate([column, np.repeat(column[-1:], missing, axis=0)])
    return [*column, *[column[-1]] * missing]


def _one(column: Column, row: int) -> Any:
    """A row's whole tensor; of text there is one."""
    return column[row, ...] if isinstance(column, np.ndarray) else [column[row]]


def _whole(name: str, output: Column) -> Any:
    if isinstance(output, np.ndarray):
        return output
    if len(output) != 1:
        raise StageFailed(_failure(name, f"an output of the model is {len(output)} texts; a row has one", "output"))
    return output[0]


def _failure(name: str, text: str, kind: Kind) -> Failure:
    """A model may be a stage of several methods, so no place in one is told."""
    return Failure(f"the model '{name}' failed: {text}", kind=kind)
