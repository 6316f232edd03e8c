"""What becomes of a servable when one of its models is loaded, and takes or gives something else than its file said."""

from collections.abc import Sequence
from dataclasses import replace

from salver.authoring.spec import Contract, Dim, Input, Method, Port, Servable, StageSpec, StepOutput, carries_rows


def settled(servable: Servable, index: int, stage: StageSpec) -> Servable:
    """The servable with this in the place of its stage `index`, also where contracts repeat what that one said.

    The stage must have as many inputs and outputs as the one before it.
    """
    before = servable.stages[index]
    stages = (*servable.stages[:index], stage, *servable.stages[index + 1 :])
    methods = tuple(_settled(method, index, before, stages) for method in servable.methods)
    return replace(servable, methods=methods, stages=stages)


def _settled(method: Method, index: int, before: StageSpec, stages: Sequence[StageSpec]) -> Method:
    inputs, outputs = list(method.contract.inputs), list(method.contract.outputs)
    after = stages[index]
    for number, step in enumerate(method.plan.steps):
        if step.stage != index:
            continue
        for source, old, new in zip(step.inputs, before.inputs, after.inputs, strict=True):
            if isinstance(source, Input):
                inputs[source.index] = _corrected(inputs[source.index], old, new)
        for place, source in enumerate(method.plan.outputs):
            if isinstance(source, StepOutput) and source.step == number:
                outputs[place] = _corrected(outputs[place], before.outputs[source.output], after.outputs[source.output])
    batched = carries_rows(method.plan, stages)
    return replace(method, contract=Contract(tuple(inputs), tuple(outputs), batched))


def _corrected(port: Port, old: Port, new: Port) -> Port:
    dtype = new.dtype if port.dtype in (None, old.dtype) else port.dtype
    dims = new.dims if port.dims in (None, old.dims) else port.dims
    return replace(port, dtype=dtype, dims=dims)


def conflict(given: Port, wanted: Port) -> str | None:
    """Why a value of the first can never be one of the second, or None."""
    if given.dtype is not None and wanted.dtype is not None and given.dtype != wanted.dtype:
        return f"{given.dtype} is not {wanted.dtype}"
    if given.dims is None or wanted.dims is None:
        return None
    if len(given.dims) != len(wanted.dims):
        return f"{len(given.dims)} dimensions are not {len(wanted.dims)}"
    clashes = [(a, b) for a, b in zip(given.dims, wanted.dims, strict=True) if _clash(a, b)]
    return f"the length {clashes[0][0]} is not {clashes[0][1]}" if clashes else None


def _clash(one: Dim, other: Dim) -> bool:
    return isinstance(one, int) and isinstance(other, int) and one != other
