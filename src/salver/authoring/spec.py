"""Servables as data, in the words of the native core, which reads them as JSON.

The forms must stay those of the crate `salver-core`; a test loads one into the native part.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Dim = int | str


@dataclass(frozen=True)
class Port:
    """A named, typed input or output of one row; None says "not declared"."""

    name: str
    dtype: str | None
    dims: tuple[Dim, ...] | None

    def __str__(self) -> str:
        shape = ", ".join(str(dim) or "any" for dim in self.dims or ())
        return f"{self.name}: {self.dtype or 'any'}" + (f"[{shape}]" if shape else "")


@dataclass(frozen=True)
class Contract:
    """A method's inputs and outputs; `batched` says that requests carry a leading dimension of rows."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    batched: bool

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.inputs))}) -> ({', '.join(map(str, self.outputs))})"


@dataclass(frozen=True)
class Input:
    """A value of a plan that is the method's input with this index."""

    index: int

    def form(self) -> object:
        return {"input": self.index}


@dataclass(frozen=True)
class StepOutput:
    """A value of a plan that is an output of an earlier step."""

    step: int
    output: int

    def form(self) -> object:
        return {"step": [self.step, self.output]}


@dataclass(frozen=True)
class Step:
    """One use of a stage, by its index."""

    stage: int
    inputs: tuple[Input | StepOutput, ...]


@dataclass(frozen=True)
class Plan:
    """Steps in order, each using only earlier values, and where the method's outputs come from."""

    steps: tuple[Step, ...]
    outputs: tuple[Input | StepOutput, ...]


@dataclass(frozen=True)
class Policy:
    """How a stage forms batches."""

    max_batch_size: int = 32
    max_wait_ms: float = 0.0
    row_by_row: bool = False
    isolate_rows: bool = True
    retry_lost: bool = False


@dataclass(frozen=True)
class StageSpec:
    """One step's work; `unbatched` is why rows do not run together, or None if they do."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    unbatched: str | None
    policy: Policy = Policy()


@dataclass(frozen=True)
class Method:
    name: str
    contract: Contract
    plan: Plan


@dataclass(frozen=True)
class Servable:
    """One version of what is served under one name."""

    name: str
    version: int
    runtime: str
    methods: tuple[Method, ...]
    stages: tuple[StageSpec, ...]

    def to_json(self) -> str:
        """The document that `salver._native.Version` is made from."""
        form = {
            "name": self.name,
            "version": self.version,
            "runtime": self.runtime,
            "methods": [_method(method) for method in self.methods],
            "stages": [_stage(stage) for stage in self.stages],
        }
        return json.dumps(form)


def one_stage(name: str, stage: StageSpec) -> Method:
    """The method that does nothing but run the servable's first stage."""
    steps = (Step(0, tuple(Input(index) for index in range(len(stage.inputs)))),)
    plan = Plan(steps, tuple(StepOutput(0, index) for index in range(len(stage.outputs))))
    return Method(name, Contract(stage.inputs, stage.outputs, stage.unbatched is None), plan)


def _method(method: Method) -> dict[str, object]:
    contract = {
        "inputs": _ports(method.contract.inputs),
        "outputs": _ports(method.contract.outputs),
        "batched": method.contract.batched,
    }
    steps = [{"stage": step.stage, "inputs": _sources(step.inputs)} for step in method.plan.steps]
    plan = {"steps": steps, "outputs": _sources(method.plan.outputs)}
    return {"name": method.name, "contract": contract, "plan": plan}


def _stage(stage: StageSpec) -> dict[str, object]:
    batching: Literal["batched"] | dict[str, str]
    batching = "batched" if stage.unbatched is None else {"unbatched": stage.unbatched}
    return {
        "name": stage.name,
        "inputs": _ports(stage.inputs),
        "outputs": _ports(stage.outputs),
        "batching": batching,
        "policy": asdict(stage.policy),
    }


def _ports(ports: Sequence[Port]) -> list[dict[str, object]]:
    return [asdict(port) for port in ports]


def _sources(sources: Sequence[Input | StepOutput]) -> list[object]:
    return [source.form() for source in sources]
