"""What a worker runs: one stage's code, called once for each batch."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

# One input or output of a batch: an array whose leading dimension is the rows, or a list of one text or bytes
# object for each row. Rows of more than one are an array of such objects. Arrays of numbers are, as inputs, read-only
# views that stay valid as long as somebody holds them.
Column = NDArray[np.generic] | list[str] | list[bytes]


def texts(column: Column) -> list[Any] | None:
    """The text or bytes objects of a column, row by row; None if it holds numbers."""
    if isinstance(column, list):
        return column
    values: list[Any] | None = column.ravel().tolist() if column.dtype.kind == "O" else None
    return values


Kind = Literal["raised", "invalid", "output"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why rows have no outputs, as their callers are told.

    `what` names the code at fault ("Function 'add.decode'", "Preprocess"), `index` its place in `method`, counted
    from 1. A failure of the kind "raised" may have been a single row's, "invalid" blames the row's input, and
    "output" blames code that gave what it may not give.
    """

    message: str
    what: str = ""
    method: str = ""
    index: int = 0
    kind: Kind = "raised"


class StageFailed(Exception):
    """Raised by a stage whose batch failed as a whole."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


@dataclass(frozen=True, slots=True)
class Piece:
    """What became of neighbouring rows: their columns, or why there are none."""

    rows: int
    outcome: "list[Column] | Failure"


class Caller(Protocol):
    """Who asked for some neighbouring rows of a batch, and what that call said beside its inputs."""

    @property
    def rows(self) -> int: ...
    @property
    def deadline(self) -> float | None:
        """When the caller stops waiting, in seconds of `time.time()`."""

    @property
    def metadata(self) -> Sequence[tuple[str, str]]:
        """gRPC metadata or HTTP headers, names in lower case; empty unless the stage asked for `context`."""

    @property
    def parameters(self) -> "dict[str, str | int | float | bool]":
        """The request's parameters, in protocols that have them."""

    def cancelled(self) -> bool:
        """Whether the caller has left."""


@dataclass(slots=True, eq=False)
class Batch:
    """Rows that are run together. `callers` cover the rows in order; it is empty unless the stage `needs_callers`."""

    rows: int
    columns: list[Column]
    callers: Sequence[Caller] = ()


class Stage(ABC):
    """The code of one stage. A lane runs its stages' batches one at a time, in one thread."""

    needs_callers: bool = False

    @abstractmethod
    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        """The outputs' columns, or pieces that cover the rows in order. Raises StageFailed if all rows failed.

        Any other exception is a defect of salver's own and fails the batch with its text.
        """


class SequenceStage(ABC):
    """A stage whose rows are each answered by a sequence of items; always the last of its method."""

    needs_callers: bool = True

    @abstractmethod
    def open(self, batch: Batch) -> list[Iterator[list[Column]]]:
        """One iterator for each row; each item is the outputs' columns of one row. Iterating raises StageFailed.

        An iterator is closed (`close()`) when its caller leaves.
        """


class AsyncStage(ABC):
    """A stage that awaits: many of its batches run at once in one event loop."""

    needs_callers: bool = False

    @abstractmethod
    async def run(self, batch: Batch) -> list[Column] | list[Piece]:
        """As Stage.run."""


class AsyncSequenceStage(ABC):
    """A stage whose rows are each answered by an asynchronous sequence of items."""

    needs_callers: bool = True

    @abstractmethod
    def open(self, batch: Batch) -> list[AsyncIterator[list[Column]]]:
        """As SequenceStage.open."""


AnyStage = Stage | SequenceStage | AsyncStage | AsyncSequenceStage
