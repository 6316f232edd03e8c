"""Servables as their authors write them, loaded here, and run without a server."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salver.workers.program import Program
from salver.workers.servable.load import load_servable
from salver.workers.stage import AnyStage, Batch, Column, Failure, Piece, Stage, StageFailed

IMPORTS = """\
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

import numpy as np
import salver
from jaxtyping import Float, Float32, Int64, Shaped

Pair = Float32[np.ndarray, "2"]

"""


def write(folder: Path, source: str, name: str = "servable.py") -> Path:
    """A servable's file with this text below the imports that most need."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(IMPORTS + textwrap.dedent(source))
    return file


def load(where: Path, source: str, **given: Any) -> Program:
    """The servable with this text, called `s`, in version 1."""
    return load_servable(write(where, source), "s", 1, **given)


def line_of(file: Path, text: str = "# here") -> str:
    """The place of the line that holds the text."""
    lines = file.read_text().splitlines()
    return f"{file}:{next(number for number, line in enumerate(lines, 1) if text in line)}"


@dataclass(frozen=True)
class Asking:
    """A `salver.workers.stage.Caller`."""

    rows: int = 1
    deadline: float | None = None
    metadata: Sequence[tuple[str, str]] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    left: bool = False

    def cancelled(self) -> bool:
        return self.left


def stage(program: Program, name: str) -> AnyStage:
    """The code of the stage with this name."""
    stages = program.manifest.servable.stages
    return program.stages[next(index for index, each in enumerate(stages) if each.name == name)]


def batch(*columns: Any, callers: Sequence[Asking] = ()) -> Batch:
    """A batch of these columns; arrays cannot be written to, as those of a link."""
    for column in columns:
        if isinstance(column, np.ndarray):
            column.flags.writeable = False
    return Batch(len(columns[0]), list(columns), callers)


def run(program: Program, name: str, *columns: Any, callers: Sequence[Asking] = ()) -> list[Any]:
    """What the stage gives for this batch: columns, or pieces."""
    code = stage(program, name)
    assert isinstance(code, Stage)
    return code.run(batch(*columns, callers=callers))


def shown(pieces: Sequence[Column | Piece]) -> list[Any]:
    """Pieces in short: a failure by its kind, outputs as lists."""
    found: list[Any] = []
    for piece in pieces:
        assert isinstance(piece, Piece)
        if isinstance(piece.outcome, Failure):
            found.append((piece.rows, piece.outcome.kind))
        else:
            found.append((piece.rows, [list(column) for column in piece.outcome]))
    return found


def failed_row(program: Any, name: str, *columns: Any) -> Failure:
    """How the one row of this batch fails."""
    [piece] = run(program, name, *columns)
    assert isinstance(piece, Piece)
    assert isinstance(piece.outcome, Failure)
    return piece.outcome


def failed(program: Any, name: str, *columns: Any) -> Failure:
    """How the batch fails as a whole."""
    with pytest.raises(StageFailed) as raised:
        run(program, name, *columns)
    return raised.value.failure
