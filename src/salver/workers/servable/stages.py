"""The stages that are chains of functions."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from salver.authoring.chains import Chain
from salver.workers.results import Results
from salver.workers.servable.chain import ChainCode, Prepared, RowAtFault, at_once, one_by_one
from salver.workers.stage import (
    AnyStage,
    AsyncSequenceStage,
    AsyncStage,
    Batch,
    Column,
    Failure,
    Piece,
    SequenceStage,
    Stage,
    StageFailed,
)


def stage_of(chain: Chain, servable: str, device: str) -> AnyStage:
    """The code of a chain."""
    code = ChainCode(chain, servable, device)
    if chain.yields:
        return AsyncRowSequences(code) if chain.awaits else RowSequences(code)
    if chain.row_by_row:
        return AsyncRows(code) if chain.awaits else Rows(code)
    return AsyncBatches(code) if chain.awaits else Batches(code)


class Rows(Stage):
    """Runs one row after the other through all functions; rows fail one by one."""

    def __init__(self, code: ChainCode) -> None:
        self._code = code
        self.needs_callers = code.chain.context

    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        results = Results(batch.rows)
        for row in _rows(self._code, batch):
            _tell(results, at_once(_row(self._code, *row)))
        return results.all()


class AsyncRows(AsyncStage):
    """Runs all rows of a batch at once."""

    def __init__(self, code: ChainCode) -> None:
        self._code = code
        self.needs_callers = code.chain.context

    async def run(self, batch: Batch) -> list[Column] | list[Piece]:
        outcomes = await asyncio.gather(*(_row(self._code, *row) for row in _rows(self._code, batch)))
        results = Results(batch.rows)
        for outcome in outcomes:
            _tell(results, outcome)
        return results.all()


class Batches(Stage):
    """Runs whole batches through all functions."""

    def __init__(self, code: ChainCode) -> None:
        self._code = code
        self.needs_callers = code.chain.context

    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        return at_once(_batch(self._code, batch))


class AsyncBatches(AsyncStage):
    """Runs whole batches through all functions, and others while these wait."""

    def __init__(self, code: ChainCode) -> None:
        self._code = code
        self.needs_callers = code.chain.context

    async def run(self, batch: Batch) -> list[Column] | list[Piece]:
        return await _batch(self._code, batch)


class RowSequences(SequenceStage):
    """Answers each row by what the last function yields for it."""

    def __init__(self, code: ChainCode) -> None:
        self._code = code

    def open(self, batch: Batch) -> list[Iterator[list[Column]]]:
        return [one_by_one(self._code.items(*row)) for row in _rows(self._code, batch)]


class AsyncRowSequences(AsyncSequenceStage):
    """Answers each row by what the last function yields for it, and others while that waits."""

    def __init__(self, code: ChainCode) -> None:
        self._code = code

    def open(self, batch: Batch) -> list[AsyncIterator[list[Column]]]:
        return [self._code.items(*row) for row in _rows(self._code, batch)]


def _rows(code: ChainCode, batch: Batch) -> Iterator[tuple[Sequence[Prepared], list[Any], Any]]:
    """What each row is run by: the functions, its values, of which arrays are views, and its context."""
    functions, values = code.functions(code.absent(batch)), map(list, zip(*batch.columns, strict=True))
    return zip(repeat(functions, batch.rows), values, code.contexts(batch), strict=True)


async def _row(code: ChainCode, functions: Sequence[Prepared], values: list[Any], context: Any) -> list[Any] | Failure:
    try:
        return code.outputs(await code.run(functions, values, context))
    except StageFailed as error:
        return error.failure


def _tell(results: Results, outcome: list[Any] | Failure) -> None:
    if isinstance(outcome, Failure):
        results.fail(outcome)
    else:
        results.add(outcome)


async def _batch(code: ChainCode, batch: Batch) -> list[Column] | list[Piece]:
    """Run a batch; if it fails for the sake of a row that is named, that one fails and the others are run again."""
    functions, contexts = code.functions(code.absent(batch)), code.contexts(batch)
    try:
        return code.outputs(await code.run(functions, list(batch.columns), contexts, batch.rows))
    except RowAtFault as fault:
        at_fault = {_checked(fault, batch.rows): fault.failure}
    while len(at_fault) < batch.rows:
        left = [row for row in range(batch.rows) if row not in at_fault]
        columns = [_chosen(column, left) for column in batch.columns]
        try:
            values = await code.run(functions, columns, [contexts[row] for row in left], len(left))
            return _around(at_fault, batch.rows, code.outputs(values))
        except RowAtFault as fault:
            at_fault[left[_checked(fault, len(left))]] = fault.failure
    return _around(at_fault, batch.rows, [])


def _checked(fault: RowAtFault, rows: int) -> int:
    """The row's number. Raises StageFailed if there is no such row."""
    if 0 <= fault.row < rows:
        return fault.row
    failure = fault.failure
    text = f"InvalidInput names row {fault.row} of {rows}, which begin with 0: {failure.message}"
    raise StageFailed(Failure(text, failure.what, failure.method, failure.index, "output")) from fault


def _chosen(column: Column, rows: list[int]) -> Any:
    return column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]


def _around(at_fault: dict[int, Failure], rows: int, columns: list[Column]) -> list[Piece]:
    """The outputs of all rows but those at fault, with the failures where they belong."""
    pieces: list[Piece] = []
    done, row = 0, 0
    while row < rows:
        if row in at_fault:
            pieces.append(Piece(1, at_fault[row]))
            row += 1
            continue
        end = next((each for each in range(row, rows) if each in at_fault), rows)
        pieces.append(Piece(end - row, [column[done : done + end - row] for column in columns]))
        done, row = done + end - row, end
    return pieces
