"""Calls of a model from inside a function: into the engine, which batches them with everybody's."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from salver.authoring.context import ModelFailed
from salver.authoring.contracts import Meaning
from salver.authoring.planning import hidden_method
from salver.authoring.tracing import ModelPorts
from salver.workers import nested
from salver.workers.results import one_row
from salver.workers.servable.promises import Broken, promise
from salver.workers.stage import Column, Failure


class ModelCaller:
    """Calls the model whose stage has this name; a `salver.authoring.models.Runner`.

    What is wrong with an input is a TypeError, and a model without an answer ModelFailed: the function may handle them.
    """

    def __init__(self, key: str, ports: ModelPorts) -> None:
        self._key = key
        self._inputs = ports.inputs
        self._takes = [promise(Meaning(port.dtype, port.dims, array=True)) for port in ports.inputs]

    def one(self, arguments: tuple[Any, ...]) -> Any:
        """The outputs for one row."""
        columns = self._called(1, one_row(self._fitted(arguments, None)))
        return _single([column[0] for column in columns])

    def batch(self, arguments: tuple[Any, ...]) -> Any:
        """The outputs for as many rows as the first input has."""
        rows = len(arguments[0]) if arguments else 0
        return _single(self._called(rows, self._fitted(arguments, rows)))

    def _fitted(self, arguments: tuple[Any, ...], rows: int | None) -> list[Any]:
        """The arguments as the model takes them, of one row or of many. Raises TypeError."""
        if len(arguments) != len(self._inputs):
            expected = ", ".join(map(str, self._inputs))
            raise TypeError(
                f"the model '{self._key}' takes {len(self._inputs)} inputs ({expected}), not {len(arguments)}"
            )
        fitted = []
        for port, takes, given in zip(self._inputs, self._takes, arguments, strict=True):
            try:
                fitted.append(takes.row(given) if rows is None else takes.batch(given, rows))
            except Broken as error:
                what = f"the model '{self._key}' got {error.given} as '{port.name}', but takes {error.promised}"
                raise TypeError(what) from None
        return fitted

    def _called(self, rows: int, columns: list[Any]) -> list[Column]:
        outcomes = []
        for piece in nested.call(hidden_method(self._key), rows, columns):
            if isinstance(piece.outcome, Failure):
                raise ModelFailed(f"the model '{self._key}' has no answer: {piece.outcome.message}")
            outcomes.append(piece.outcome)
        return outcomes[0] if len(outcomes) == 1 else [_joined(parts) for parts in zip(*outcomes, strict=True)]


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [each for part in parts for each in part]


def _single(outputs: Sequence[Any]) -> Any:
    return outputs[0] if len(outputs) == 1 else tuple(outputs)
