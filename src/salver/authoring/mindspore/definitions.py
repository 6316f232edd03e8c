"""The parts of a servable, as its `servable_config.py` defines them."""

from collections.abc import Callable
from dataclasses import dataclass

from salver.authoring.mindspore.devices import Context


@dataclass(frozen=True)
class Placeholder:
    """What stands for a value while a method is traced: an output of one of its stages, counted from 1.

    Stage 0 stands for the method's inputs.
    """

    stage: int
    output: int


@dataclass(frozen=True)
class FunctionStage:
    """A Python function's place in a method.

    `key` is its name for callers: "<servable>.<function>". Without a batch size it is called for one instance at a
    time; with one, for at most so many, and 0 leaves the number to the server.
    """

    function: Callable[..., object]
    key: str
    inputs: tuple[Placeholder, ...]
    outputs_count: int
    batch_size: int | None = None
    tag: str = ""

    @property
    def shown(self) -> str:
        """What callers are told has failed."""
        return self.tag or f"Function '{self.key}'"


@dataclass(frozen=True)
class ModelStage:
    """A model's place in a method."""

    model_key: str
    subgraph: int
    inputs: tuple[Placeholder, ...]
    outputs_count: int


StageUse = FunctionStage | ModelStage


@dataclass(frozen=True)
class MethodDefinition:
    """A method: its stages in order, and where its outputs come from."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    stages: tuple[StageUse, ...]
    returns: tuple[Placeholder, ...]


@dataclass(frozen=True)
class PipelineDefinition:
    """A method that is nothing but this function, which may call other methods; `key` is as a stage's."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    function: Callable[..., object]
    key: str


@dataclass(frozen=True)
class ModelDeclaration:
    """A declared model: one file for each of its subgraphs."""

    files: tuple[str, ...]
    format: str
    with_batch_dim: bool
    without_batch_dim_inputs: tuple[int, ...]
    context: Context
    config_file: str | None

    @property
    def key(self) -> str:
        return ";".join(self.files)
