"""What has been registered so far, by the `servable_config.py` that is being imported.

The functions of the registration interface have no argument that says for which servable they are called. So there is
one registration at a time: a loader's own for as long as it loads, otherwise one that is made when it is first needed.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from salver.authoring.mindspore.definitions import (
    FunctionStage,
    MethodDefinition,
    ModelDeclaration,
    PipelineDefinition,
    StageUse,
)
from salver.authoring.mindspore.model import Model

if TYPE_CHECKING:
    from salver.authoring.mindspore.pipelines import PipelineServable

CONFIG_FILE = "servable_config.py"


@dataclass
class Trace:
    """A method whose body is being run with placeholders."""

    method: str
    body: Callable[..., object]
    stages: list[StageUse] = field(default_factory=list)
    old_outputs: dict[str, int] | None = None
    """The number of outputs of every older call in the body, once the body's source was needed for it."""
    old_calls: set[str] = field(default_factory=set)
    """The kinds of older calls that were made."""


@dataclass(frozen=True)
class Counts:
    inputs: int
    outputs: int
    batched: bool = False


class Registration:
    """The models, methods and pipelines of one servable.

    `trace` is the method that is being traced, `called` what pipelines can call.
    """

    def __init__(self) -> None:
        self.models: dict[str, ModelDeclaration] = {}
        self.handles: dict[str, Model] = {}
        self.methods: dict[str, MethodDefinition] = {}
        self.pipelines: dict[str, PipelineDefinition] = {}
        self.called: list[PipelineServable] = []
        self.trace: Trace | None = None
        self._functions: dict[str, Counts] = {}
        self.graphs: dict[tuple[str, int], Counts] = {}

    def declare(self, model: ModelDeclaration) -> Model:
        """Add a model. Raises RuntimeError if one of its files belongs to another one."""
        shown = f"Raise failed: Declare model [{', '.join(model.files)}] failed"
        if not model.files:
            raise RuntimeError("Raise failed: Declare model failed, model files size cannot be 0")
        used = {file for each in self.models.values() for file in each.files}
        for file in model.files:
            if file in used:
                raise RuntimeError(f"{shown}, model file '{file}' has already been used")
        self.models[model.key] = model
        self.handles[model.key] = Model(model.key)
        return self.handles[model.key]

    def add_method(self, method: MethodDefinition) -> None:
        """Raises RuntimeError if there is one of that name."""
        self._refuse_taken("Method", method.name)
        self.methods[method.name] = method

    def add_pipeline(self, pipeline: PipelineDefinition) -> None:
        """Raises RuntimeError if there is a method or pipeline of that name."""
        self._refuse_taken("Pipeline", pipeline.name)
        self.pipelines[pipeline.name] = pipeline

    def note_function(self, stage: FunctionStage, method: str) -> None:
        """Remember how a function is used. Raises RuntimeError if one of its name is used otherwise elsewhere."""
        counts = Counts(len(stage.inputs), stage.outputs_count, stage.batch_size is not None)
        last = self._functions.setdefault(stage.key, counts)
        for which, now, before in (("inputs", counts.inputs, last.inputs), ("outputs", counts.outputs, last.outputs)):
            if now != before:
                raise RuntimeError(
                    f"Stage function '{stage.key}' {which} count {now} not match last registered count {before}, "
                    f"method name '{method}'"
                )
        if counts.batched != last.batched:
            raise RuntimeError(
                f"Failed to add stage function {stage.key}: parameter 'batch_size' in multiple 'add_stage' should be "
                "enabled or disabled consistently"
            )

    def note_model(self, model_key: str, subgraph: int, inputs: int, outputs: int) -> None:
        """Remember how a model is used. Raises RuntimeError if it is used otherwise elsewhere."""
        last = self.graphs.setdefault((model_key, subgraph), Counts(inputs, outputs))
        for which, now, before in (("inputs", inputs, last.inputs), ("outputs", outputs, last.outputs)):
            if now != before:
                raise RuntimeError(
                    f"Raise failed: RegisterInputOutputInfo failed, {which} count {now} not match old count {before}, "
                    f"model: {model_key}"
                )

    def _refuse_taken(self, what: str, name: str) -> None:
        if name in self.methods or name in self.pipelines:
            raise RuntimeError(f"Raise failed: {what} {name} has been registered more than once.")


_current: ContextVar[Registration] = ContextVar("registration")


@contextmanager
def registering() -> Iterator[Registration]:
    """Let whatever is registered meanwhile go into a registration of its own."""
    token = _current.set(Registration())
    try:
        yield _current.get()
    finally:
        _current.reset(token)


def current() -> Registration:
    """The registration that is being filled."""
    try:
        return _current.get()
    except LookupError:
        _current.set(Registration())
        return _current.get()


def servable_name() -> str:
    """The name of the folder of the `servable_config.py` that is being run. Raises RuntimeError if none is."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.endswith(CONFIG_FILE):
            return Path(os.path.abspath(frame.f_code.co_filename)).parent.name  # noqa: PTH100 (keeps symbolic links)
        frame = frame.f_back
    raise RuntimeError(f"Failed to obtain the directory of {CONFIG_FILE}")
