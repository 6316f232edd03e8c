"""Servables as data, in the words of the native core, which reads them as JSON.

The forms must stay those of the crate `salver-core`; a test loads one into the native part.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

Dim = int | str


@dataclass(frozen=True)
class Port:
    """A named, typed input or output of one row; None says "not declared"."""

    name: str
    dtype: str | None
    dims: tuple[Dim, ...] | None
    optional: bool = False
    """An input that requests may leave out; the stage then gets the mark of absence (bool, row shape [0])."""
    json: bool = False
    """Text that is a JSON document, which JSON protocols show as what it says."""

    def __str__(self) -> str:
        return f"{self.name}: {self.type}"

    @property
    def type(self) -> str:
        """What it is, without its name: `float32[2, any]`."""
        shape = ", ".join(str(dim) or "any" for dim in self.dims or ())
        kind = "json" if self.json else self.dtype or "any"
        return f"{kind}[{shape}]" if shape else kind

    @cached_property
    def fixed(self) -> tuple[int, ...] | None:
        """The dims, if they are the same for all rows."""
        dims = tuple(dim for dim in self.dims or () if isinstance(dim, int))
        return dims if self.dims is not None and len(dims) == len(self.dims) else None

    def admits(self, shape: Sequence[int]) -> bool:
        """Whether a row may have this shape; a symbol is any length."""
        if self.dims is None:
            return True
        pairs = zip(self.dims, shape, strict=False)
        return len(shape) == len(self.dims) and all(isinstance(dim, str) or dim == length for dim, length in pairs)


@dataclass(frozen=True)
class Contract:
    """A method's inputs and outputs; `batched` says that requests carry a leading dimension of rows."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    batched: bool

    def __str__(self) -> str:
        inputs = (f"{port} = ..." if port.optional else str(port) for port in self.inputs)
        return f"({', '.join(inputs)}) -> ({', '.join(map(str, self.outputs))})"


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
    allowed_batch_sizes: tuple[int, ...] = ()
    """The numbers of rows, ascending, that a model is run with: a batch is filled up to the next. If empty, any."""
    max_waiting_batches: int | None = None
    """How many batches' rows may wait; calls that come when there is no room are refused."""
    max_call_rows: int | None = None
    """The most rows of one call."""
    split_calls: bool = True
    """Whether a call of more rows than may run together is cut into pieces; otherwise its rows run by themselves."""


@dataclass(frozen=True)
class StageSpec:
    """One step's work; `unbatched` is why rows do not run together, or None if they do."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    unbatched: str | None
    policy: Policy = Policy()
    context: bool = False
    """Whether its code wants to know about callers: metadata, parameters, deadline."""


@dataclass(frozen=True)
class Origin:
    """What a SavedModel says of a signature beside its contract; names of tensors by input and by output."""

    method_name: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class Method:
    name: str
    contract: Contract
    plan: Plan
    sequence: bool = False
    """Whether each row is answered by a sequence of items, as its last stage gives them."""
    origin: Origin | None = None

    def __str__(self) -> str:
        return f"{self.name}{self.contract}" + (", as a sequence" if self.sequence else "")


Fields = tuple[tuple[str, str], ...]
"""Names of ports, each with the field of a message that it is; `WHOLE` is the message itself."""

WHOLE = "."
STATUS = "@status"
"""In the place of a field of replies: how the call ended, for methods that take and give whole messages."""


@dataclass(frozen=True)
class Rpc:
    """A method as an rpc of a service: one message is one row."""

    rpc: str
    method: str
    inputs: Fields
    outputs: Fields


@dataclass(frozen=True)
class Service:
    """A service of a `.proto` file by its full name, and the encoded FileDescriptorSet that describes it.

    Its other rpcs answer that they are not implemented.
    """

    name: str
    descriptors: bytes
    rpcs: tuple[Rpc, ...]


@dataclass(frozen=True)
class Servable:
    """One version of what is served under one name."""

    name: str
    version: int
    runtime: str
    methods: tuple[Method, ...]
    stages: tuple[StageSpec, ...]
    services: tuple[Service, ...] = ()

    def to_json(self) -> str:
        """The document that `salver._native.Version` is made from."""
        form = {
            "name": self.name,
            "version": self.version,
            "runtime": self.runtime,
            "methods": [_method(method) for method in self.methods],
            "stages": [_stage(stage) for stage in self.stages],
            "services": [_service(service) for service in self.services],
        }
        return json.dumps(form)


def one_stage(name: str, stage: StageSpec, index: int = 0, origin: Origin | None = None) -> Method:
    """The method that does nothing but run this stage, the servable's first unless `index` says otherwise."""
    steps = (Step(index, tuple(Input(index) for index in range(len(stage.inputs)))),)
    plan = Plan(steps, tuple(StepOutput(0, index) for index in range(len(stage.outputs))))
    return Method(name, Contract(stage.inputs, stage.outputs, stage.unbatched is None), plan, origin=origin)


def carries_rows(plan: Plan, stages: Sequence[StageSpec]) -> bool:
    """Whether requests to a method have a dimension of rows: not if it is nothing but models whose rows stay apart.

    Functions whose rows stay apart take them one by one all the same.
    """
    used = [stages[step.stage] for step in plan.steps]
    return not used or any(stage.unbatched is None or stage.policy.row_by_row for stage in used)


def _method(method: Method) -> dict[str, object]:
    contract = {
        "inputs": _ports(method.contract.inputs),
        "outputs": _ports(method.contract.outputs),
        "batched": method.contract.batched,
    }
    steps = [{"stage": step.stage, "inputs": _sources(step.inputs)} for step in method.plan.steps]
    plan = {"steps": steps, "outputs": _sources(method.plan.outputs)}
    form: dict[str, object] = {"name": method.name, "contract": contract, "plan": plan, "sequence": method.sequence}
    return form if method.origin is None else {**form, "origin": asdict(method.origin)}


def _stage(stage: StageSpec) -> dict[str, object]:
    batching: Literal["batched"] | dict[str, str]
    batching = "batched" if stage.unbatched is None else {"unbatched": stage.unbatched}
    return {
        "name": stage.name,
        "inputs": _ports(stage.inputs),
        "outputs": _ports(stage.outputs),
        "batching": batching,
        "policy": asdict(stage.policy),
        "context": stage.context,
    }


def _service(service: Service) -> dict[str, object]:
    methods = [
        {"rpc": each.rpc, "method": each.method, "inputs": dict(each.inputs), "outputs": dict(each.outputs)}
        for each in service.rpcs
    ]
    return {"name": service.name, "descriptors": b64encode(service.descriptors).decode(), "methods": methods}


def _ports(ports: Sequence[Port]) -> list[dict[str, object]]:
    return [asdict(port) for port in ports]


def _sources(sources: Sequence[Input | StepOutput]) -> list[object]:
    return [source.form() for source in sources]


def servable_from_form(form: Mapping[str, Any]) -> Servable:
    """The inverse of `Servable.to_json`, from the parsed document."""
    return Servable(
        form["name"],
        form["version"],
        form["runtime"],
        tuple(_method_from(each) for each in form["methods"]),
        tuple(_stage_from(each) for each in form["stages"]),
        tuple(_service_from(each) for each in form["services"]),
    )


def _method_from(form: Mapping[str, Any]) -> Method:
    contract = form["contract"]
    plan = form["plan"]
    steps = tuple(Step(step["stage"], _sources_from(step["inputs"])) for step in plan["steps"])
    return Method(
        form["name"],
        Contract(_ports_from(contract["inputs"]), _ports_from(contract["outputs"]), contract["batched"]),
        Plan(steps, _sources_from(plan["outputs"])),
        form["sequence"],
        Origin(**form["origin"]) if "origin" in form else None,
    )


def _stage_from(form: Mapping[str, Any]) -> StageSpec:
    batching = form["batching"]
    unbatched = None if batching == "batched" else batching["unbatched"]
    inputs, outputs = _ports_from(form["inputs"]), _ports_from(form["outputs"])
    policy = policy_from_form(form["policy"])
    return StageSpec(form["name"], inputs, outputs, unbatched, policy, form["context"])


def policy_from_form(form: Mapping[str, Any]) -> Policy:
    """A policy from a parsed document, which has lists for tuples."""
    return Policy(**{**form, "allowed_batch_sizes": tuple(form.get("allowed_batch_sizes", ()))})


def _service_from(form: Mapping[str, Any]) -> Service:
    rpcs = tuple(
        Rpc(each["rpc"], each["method"], tuple(each["inputs"].items()), tuple(each["outputs"].items()))
        for each in form["methods"]
    )
    return Service(form["name"], b64decode(form["descriptors"]), rpcs)


def _ports_from(forms: Sequence[Mapping[str, Any]]) -> tuple[Port, ...]:
    def dims(form: Mapping[str, Any]) -> tuple[Dim, ...] | None:
        return None if form["dims"] is None else tuple(form["dims"])

    return tuple(Port(**{**form, "dims": dims(form)}) for form in forms)


def _sources_from(forms: Sequence[Mapping[str, Any]]) -> tuple[Input | StepOutput, ...]:
    return tuple(Input(form["input"]) if "input" in form else StepOutput(*form["step"]) for form in forms)
