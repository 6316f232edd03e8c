"""Calls from inside functions, which the engine batches with everybody's: `Model.call`, and what pipelines call."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from salver.authoring.mindspore.model import Instance, called
from salver.authoring.spec import Port
from salver.workers import nested
from salver.workers.results import Results
from salver.workers.servable_config.models import refusal
from salver.workers.servable_config.values import IllegalValue, argument, plain, private_rows, value_of
from salver.workers.stage import Failure, Piece

# What the engine tells a call for whose stage there is no lane: the workers that run the model are gone.
_NOT_READY = re.compile(r"servable '.*' version \d+ is not ready; .*")


def call_method(model_key: str, subgraph: int) -> str:
    """The hidden method that is nothing but this model."""
    return f"@call_{model_key}_{subgraph}"


@dataclass(frozen=True)
class ModelCaller:
    """Calls a loaded model; `inputs` are those of each of its subgraphs."""

    model_key: str
    inputs: tuple[tuple[Port, ...], ...]

    def __call__(self, instances: Sequence[Instance], subgraph: int) -> tuple[tuple[Any, ...], ...]:
        """The outputs of each instance. Raises RuntimeError if one has none."""
        shown = f"{called(self.model_key, subgraph)} failed"
        if subgraph >= len(self.inputs):
            raise RuntimeError(
                f"{shown}: The model does not have subgraph of index {subgraph}, the subgraph count of the model is "
                f"{len(self.inputs)}"
            )
        if not instances:
            raise RuntimeError(f"{shown}: Input instances count is 0")
        for index, instance in enumerate(instances):
            if len(instance) != len(self.inputs[subgraph]):
                raise RuntimeError(
                    f"{shown}: The inputs count {len(instance)} of instance {index} is not equal to the inputs count "
                    f"{len(self.inputs[subgraph])} of the model"
                )
        alike = alike_of(instances)
        for piece in alike:
            check(shown, piece, self.inputs[subgraph])
        method = call_method(self.model_key, subgraph)
        return outputs_of(method, alike, lambda failure: f"{shown}: {_told(failure)}")


def _told(failure: Failure) -> str:
    if _NOT_READY.fullmatch(failure.message):
        return "There are no available inference processes that occupy devices"
    return failure.message


def alike_of(instances: Sequence[Instance]) -> list[Piece]:
    """Neighbouring instances that go together in one call. Raises RuntimeError for a value that cannot be sent."""
    results = Results(len(instances))
    for instance in instances:
        try:
            results.add([plain(value_of(each)) for each in instance])
        except IllegalValue as error:
            raise RuntimeError(str(error)) from None
    given = results.all()
    pieces = [each for each in given if isinstance(each, Piece)]
    return pieces or [Piece(len(instances), [each for each in given if not isinstance(each, Piece)])]


def outputs_of(method: str, alike: Sequence[Piece], told: Callable[[Failure], str]) -> tuple[tuple[Any, ...], ...]:
    """What a hidden method gives for each instance. Raises RuntimeError with what is `told` of the first failure."""
    return tuple(row for piece in alike for row in _rows(method, piece, told))


def check(shown: str, piece: Piece, ports: Sequence[Port]) -> None:
    """Refuse here what a model would refuse, in the words that the original's callers know. Raises RuntimeError."""
    assert not isinstance(piece.outcome, Failure)
    for index, (column, port) in enumerate(zip(piece.outcome, ports, strict=True)):
        text = None if port.dtype is None else refusal(index, column, port)
        if text is not None:
            raise RuntimeError(f"{shown}: {text}")


def _rows(method: str, piece: Piece, told: Callable[[Failure], str]) -> Iterator[tuple[Any, ...]]:
    assert not isinstance(piece.outcome, Failure)
    for answer in nested.call(method, piece.rows, piece.outcome):
        if isinstance(answer.outcome, Failure):
            raise RuntimeError(told(answer.outcome))
        columns = [private_rows(column) for column in answer.outcome]
        for row in range(answer.rows):
            yield tuple(argument(column[row]) for column in columns)
