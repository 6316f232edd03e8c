"""One signature of a SavedModel, whoever runs it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from salver.authoring.spec import Port
from salver.runtimes.columns import check_columns
from salver.runtimes.saved_model_file import SavedModelFile, SavedSignature
from salver.runtimes.tensor_proto import array_of
from salver.runtimes.workers import Framework, ModelCode, Signature
from salver.workers.stage import Column

_DEFAULTS = "it has inputs with defaults, which are whole tensors"


@dataclass(frozen=True)
class Taken:
    """Signatures that are to be run, by name, and what each takes and gives as whole tensors."""

    file: SavedModelFile
    signatures: Mapping[str, Signature]

    def saved(self, name: str) -> SavedSignature:
        return self.file.signatures[name]

    def dtypes(self) -> set[str]:
        return {str(port.dtype) for each in self.signatures.values() for port in (*each.inputs, *each.outputs)}


class Unfit(Exception):
    """A runner cannot run this model; the text says why, after the runner's name."""


class Runner(Framework, Protocol):
    """The names that a module has which runs SavedModels."""

    @property
    def NAME(self) -> str: ...  # noqa: N802

    def prepare(self) -> None:
        """To be called before its framework is imported."""

    def load(self, taken: Taken, threads: int, /) -> "Mapping[str, SignatureCode]":
        """Every signature, ready to run. Raises Unfit, and Unusable for what is no fault of the model."""


class SignatureCode(ModelCode):
    """Fills in what callers may leave out, and checks the rest, before `compute` is asked."""

    def __init__(self, signature: Signature, saved: SavedSignature) -> None:
        super().__init__(signature)
        self.origin = saved.origin
        self.rows_together = saved.of_examples
        self.rows_apart = _DEFAULTS if saved.defaults else None
        self._defaults = {name: array_of(tensor) for name, tensor in saved.defaults.items()}

    def run(self, columns: Sequence[Column]) -> list[Column]:
        given = [self._given(port, column) for port, column in zip(self.inputs, columns, strict=True)]
        check_columns(self.inputs, given)
        return self.compute(given)

    @abstractmethod
    def compute(self, columns: Sequence[Column]) -> list[Column]:
        """As `run`, of what was checked."""

    def _given(self, port: Port, column: Column) -> Column:
        absent = port.optional and isinstance(column, np.ndarray) and column.size == 0 and column.dtype == np.bool_
        return self._defaults[port.name] if absent else column
