"""Pipelines: functions that call methods of their servable, in a lane of their own, so that they never wait for it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from salver.authoring.mindspore.definitions import FunctionStage, PipelineDefinition, Placeholder
from salver.authoring.mindspore.model import Instance
from salver.authoring.mindspore.pipelines import PipelineServable
from salver.authoring.spec import Method, Port, StageSpec
from salver.workers.servable_config.calls import alike_of, check, outputs_of
from salver.workers.servable_config.functions import FunctionChain, Link, Site
from salver.workers.servable_config.graphs import policy
from salver.workers.stage import Batch, Column, Failure, Piece, Stage

_TAG = "Pipeline"
_in_pipeline: ContextVar[bool] = ContextVar("in_pipeline", default=False)


def hidden_method(method: Method) -> Method:
    """The same method by the name under which pipelines call it."""
    return replace(method, name=_hidden(method.name))


def _hidden(name: str) -> str:
    return f"@pipeline_{name}"


class PipelineRun(Stage):
    """The code of one pipeline. What it gives, or fails with, is told as for any function."""

    def __init__(self, pipeline: PipelineDefinition) -> None:
        inputs = tuple(Placeholder(0, index) for index in range(len(pipeline.inputs)))
        outputs = len(pipeline.outputs)
        use = FunctionStage(pipeline.function, pipeline.key, inputs, outputs, None, _TAG)
        link = Link(Site(use, pipeline.name, 1), range(len(inputs)))
        self._chain = FunctionChain([link], range(len(inputs), len(inputs) + outputs))

    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        with _calling():
            return self._chain.run(batch)


@contextmanager
def _calling() -> Iterator[None]:
    token = _in_pipeline.set(True)
    try:
        yield
    finally:
        _in_pipeline.reset(token)


def stage_of(pipeline: PipelineDefinition) -> StageSpec:
    """The stage that is nothing but this pipeline: one instance at a time, so that each has all of `run_timeout`."""
    inputs, outputs = (tuple(Port(name, None, None) for name in names) for names in (pipeline.inputs, pipeline.outputs))
    return StageSpec(pipeline.name, inputs, outputs, None, policy(1))


@dataclass(frozen=True)
class MethodCaller:
    """Calls methods of a servable; `inputs` are those of each of them."""

    servable: str
    version: int
    inputs: Mapping[str, tuple[Port, ...]]

    def __call__(self, called: PipelineServable, instances: Sequence[Instance]) -> tuple[tuple[Any, ...], ...]:
        """The outputs of each instance. Raises RuntimeError if one has none."""
        if not _in_pipeline.get():
            raise RuntimeError("Run failed: only a pipeline can call methods; any other function may use Model.call")
        self._check(called)
        if not instances:
            raise RuntimeError("Run failed: Input instances count is 0")
        inputs = self.inputs[called.method]
        for instance in instances:
            if len(instance) != len(inputs):
                counts = f"The inputs count {len(instance)} is not equal to the inputs count {len(inputs)}"
                raise RuntimeError(f"Run failed: {counts} of method '{called.method}'")
        alike = alike_of(instances)
        for piece in alike:
            check("Run failed", piece, inputs)
        return outputs_of(_hidden(called.method), alike, _told)

    def _check(self, called: PipelineServable) -> None:
        version = f" version({called.version_number}) " if called.version_number else ""
        asked = f"Request servable({called.servable_name}) method({called.method}) {version}"
        if called.servable_name != self.servable or called.version_number not in (0, self.version):
            raise RuntimeError(f"Run failed: {asked}, servable is not available")
        if called.method not in self.inputs:
            raise RuntimeError(f"Run failed: {asked}, method is not available")


def _told(failure: Failure) -> str:
    """As clients of the method are told."""
    if not failure.what:
        return f"Run failed: {failure.message}"
    return (
        f"Run failed: Call {failure.what} Failed, method: '{failure.method}', stage index(begin with 1): "
        f"{failure.index}, error msg: {failure.message}"
    )
