"""Servables for tests: a text becomes a `servable_config.py`, models are functions of numpy arrays."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from salver.authoring.spec import Dim, Port
from salver.runtimes.workers import ModelCode, Signature
from salver.workers.program import Program
from salver.workers.servable_config.files import Location, Runtimes
from salver.workers.servable_config.load import load
from salver.workers.stage import Batch, Column, Failure, Piece, Stage

REGISTER = "import numpy as np\nfrom mindspore_serving.server import register\n"
ADD_MODEL = 'model = register.declare_model("add.mindir", "MindIR", with_batch_dim=False)\n'


class FakeModel(ModelCode):
    """A model that computes with numpy, and remembers the tensors it was given."""

    def __init__(self, compute: Callable[..., Any], inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
        super().__init__(Signature(tuple(inputs), tuple(outputs)))
        self.given: list[list[Column]] = []
        self.closed = False
        self._compute = compute

    def run(self, columns: Sequence[Column]) -> list[Column]:
        self.given.append(list(columns))
        results = self._compute(*columns)
        return list(results) if isinstance(results, tuple) else [results]

    def close(self) -> None:
        self.closed = True


def floats(name: str, *dims: Dim) -> Port:
    return Port(name, "float32", dims)


def add_model(*dims: Dim) -> FakeModel:
    """y = x1 + x2."""
    return FakeModel(np.add, [floats("x1", *dims), floats("x2", *dims)], [floats("y", *dims)])


class FakeRuntimes(Runtimes):
    """Model files by their names; `options` is what they were loaded with. Silent ones must be loaded to be known."""

    def __init__(self, models: Mapping[str, FakeModel], silent: bool = False) -> None:
        self.models = models
        self.silent = silent
        self.options: dict[str, Mapping[str, Any]] = {}

    def read_onnx(self, file: Path) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        model = self.models.get(file.name)
        return (model.inputs, model.outputs) if model else super().read_onnx(file)

    def read(self, file: Path) -> Signature | None:
        model = self.models[file.name]
        return None if self.silent else Signature(model.inputs, model.outputs)

    def load(self, file: Path, options: Mapping[str, Any]) -> FakeModel:
        self.options[file.name] = options
        return self.models[file.name]


def write_servable(directory: Path, text: str, name: str = "add", files: Sequence[str] = ()) -> Location:
    """Version 1 of a servable, with empty files in the place of models."""
    folder = directory / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).touch()
    config = directory / name / "servable_config.py"
    config.write_text(text)
    return Location(config, 1, folder)


def load_text(directory: Path, text: str, **models: FakeModel) -> Program:
    """The program of the servable `add`; a model `x_mindir` is its file `x.mindir`."""
    named = {".".join(name.rsplit("_", 1)): model for name, model in models.items()}
    return load(write_servable(directory, text, files=list(named)), FakeRuntimes(named))


def stage_of(program: Program, name: str) -> Stage:
    """The code of the stage with this name."""
    names = [stage.name for stage in program.manifest.servable.stages]
    stage = program.stages[names.index(name)]
    assert isinstance(stage, Stage)
    return stage


def run(stage: Stage, rows: int, *columns: Column) -> list[object]:
    """What became of each row: its outputs, or its failure. Inputs are read-only, as in a worker."""
    for column in columns:
        if isinstance(column, np.ndarray):
            column.flags.writeable = False
    given = stage.run(Batch(rows, list(columns)))
    pieces = [each for each in given if isinstance(each, Piece)]
    if not pieces:
        pieces = [Piece(rows, [each for each in given if not isinstance(each, Piece)])]
    outcomes: list[object] = []
    for piece in pieces:
        if isinstance(piece.outcome, Failure):
            outcomes += [piece.outcome] * piece.rows
        else:
            outcomes += zip(*piece.outcome, strict=True)
    assert len(outcomes) == rows
    return outcomes
