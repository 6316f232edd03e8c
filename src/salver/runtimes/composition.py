"""What a worker says of its servable, completed by what only the server knows: the ONNX models that it runs itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path

from salver import _native
from salver.authoring.manifest import Manifest, OnnxStage
from salver.authoring.settling import conflict, settled
from salver.authoring.spec import Dim, Input, Method, Port, Servable, StageSpec
from salver.problems import Unusable
from salver.repository.settings import OnnxSettings
from salver.runtimes import onnx
from salver.runtimes.batching import unbatched_reason, without_leading


@dataclass(frozen=True)
class NativeStage:
    """A stage that an ONNX model runs; see `_native.Version.add_onnx_lanes`.

    Whoever runs the model takes it over; `open_again` gives another of the same, or raises Unusable.
    """

    index: int
    model: _native.OnnxModel
    file: Path
    rows: bool
    whole_inputs: tuple[int, ...]
    instances: int
    open_again: Callable[[], _native.OnnxModel]

    def start(self, version: _native.Version) -> None:
        """Add its lanes. Raises Unusable."""
        try:
            version.add_onnx_lanes(self.index, self.model, self.rows, self.instances, self.whole_inputs)
        except (OSError, ValueError) as error:
            raise onnx.unusable_model(self.file, error) from None


def compose(manifest: Manifest, file: Path) -> tuple[Servable, tuple[NativeStage, ...]]:
    """The servable as it is served, and its stages that the server runs. `file` is the author's.

    Raises Unusable for a model that cannot be loaded, or that does not fit what is around it.
    """
    servable, native = manifest.servable, []
    for stage in manifest.onnx:
        model = _opened(stage, file)
        spec = _described(servable.stages[stage.stage], stage, model, file)
        servable = settled(servable, stage.stage, spec)
        native.append(_native_stage(stage, model, spec, partial(_opened, stage, file)))
    indices = {stage.index for stage in native}
    for method in servable.methods:
        _check_fit(servable, method, indices, file)
    return servable, tuple(native)


def _opened(stage: OnnxStage, file: Path) -> _native.OnnxModel:
    options = OnnxSettings(threads=stage.threads, providers=stage.providers, optimization=stage.optimization)
    return onnx.open_model(Path(stage.file), options, file)


def _native_stage(
    stage: OnnxStage, model: _native.OnnxModel, spec: StageSpec, again: Callable[[], _native.OnnxModel]
) -> NativeStage:
    file = Path(stage.file)
    # Weights may be in files of their own, named after the model.
    files = [each for each in file.parent.iterdir() if each.name.startswith(file.stem)]
    instances = stage.instances or onnx.default_instances(files)
    return NativeStage(stage.stage, model, file, spec.unbatched is None, stage.whole_inputs, instances, again)


def _described(spec: StageSpec, stage: OnnxStage, model: _native.OnnxModel, file: Path) -> StageSpec:
    """The stage with the model's ports, for one row, and how its rows are batched."""
    inputs, outputs = onnx.ports(model.inputs), onnx.ports(model.outputs)
    _check_counts(spec, stage, (inputs, outputs), file)
    if stage.batch_dim == "rows":
        return _with_rows(spec, stage, inputs, outputs)
    reason = spec.unbatched or "it was declared so"
    if stage.batch_dim == "auto":
        verified = unbatched_reason(model.run, inputs, outputs)
        if verified is None:
            return replace(spec, inputs=without_leading(inputs), outputs=without_leading(outputs), unbatched=None)
        reason = verified
    return replace(spec, inputs=inputs, outputs=outputs, unbatched=reason)


def _check_counts(spec: StageSpec, stage: OnnxStage, ports: tuple[Sequence[Port], Sequence[Port]], file: Path) -> None:
    for what, said, real in (("inputs", spec.inputs, ports[0]), ("outputs", spec.outputs, ports[1])):
        if len(said) != len(real):
            name, shown = Path(stage.file).name, ", ".join(map(str, real))
            raise Unusable(
                file, f"uses {name} with {len(said)} {what}, but it has {len(real)}: {shown}", "use all of them"
            )


def _with_rows(spec: StageSpec, stage: OnnxStage, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> StageSpec:
    """Every port has a dimension of rows, but for the inputs that are the same for all of them."""
    split = [port for index, port in enumerate(inputs) if index not in stage.whole_inputs] + list(outputs)
    lengths = {_leading(port, stage) for port in split}
    fixed = sorted(length for length in lengths if isinstance(length, int))
    if len(fixed) > 1:
        what = f"has leading dimensions of {' and '.join(map(str, fixed))}, so they cannot all count rows"
        raise Unusable(stage.file, what, "declare it without batching, or export it with one leading dimension")
    rows = [port if index in stage.whole_inputs else without_leading([port])[0] for index, port in enumerate(inputs)]
    # A batch is filled up to the length that the model wants, and must not be longer.
    most, split_calls = min([spec.policy.max_batch_size, *fixed]), spec.policy.split_calls or bool(fixed)
    policy = replace(spec.policy, max_batch_size=most, split_calls=split_calls)
    return replace(spec, inputs=tuple(rows), outputs=without_leading(outputs), unbatched=None, policy=policy)


def _leading(port: Port, stage: OnnxStage) -> Dim:
    if not port.dims or port.dims[0] == 0:
        what = f"'{port.name}' has no leading dimension that could count rows"
        raise Unusable(stage.file, what, "declare it without batching, or export it with such a dimension")
    return port.dims[0]


def _check_fit(servable: Servable, method: Method, native: set[int], file: Path) -> None:
    """Raises Unusable where a value can never be what the other side of a native stage is."""
    for edge in _edges(servable, method, native):
        problem = None if edge.reshaped else conflict(edge.given, edge.taken)
        if problem:
            gives, takes = f"{edge.giver} gives {edge.given}", f"{edge.taker} takes {edge.taken}"
            what = f"in the method '{method.name}', {gives}, but {takes}: {problem}"
            raise Unusable(file, what, "make the two agree, or put a function between them that converts")


@dataclass(frozen=True)
class _Edge:
    """What is handed on, as both sides declare it, with their names."""

    giver: str
    given: Port
    taker: str
    taken: Port
    to_model: bool

    @property
    def reshaped(self) -> bool:
        """Whether a row gets the shape that a model fixes, since it has the type and as many elements."""
        given, taken = _elements(self.given), _elements(self.taken)
        same = self.given.dtype == self.taken.dtype and given is not None and given == taken
        return self.to_model and same


def _elements(port: Port) -> int | None:
    """How many elements a row has, if that is fixed."""
    return None if port.fixed is None else prod(port.fixed)


def _edges(servable: Servable, method: Method, native: set[int]) -> Iterator[_Edge]:
    """What is handed to native stages, or from them."""
    steps = method.plan.steps
    for step in steps:
        taker = servable.stages[step.stage]
        for source, taken in zip(step.inputs, taker.inputs, strict=True):
            if isinstance(source, Input):
                giver, given, runs = "the caller", method.contract.inputs[source.index], -1
            else:
                runs = steps[source.step].stage
                giver, given = f"'{servable.stages[runs].name}'", servable.stages[runs].outputs[source.output]
            if step.stage in native or runs in native:
                yield _Edge(giver, given, f"'{taker.name}'", taken, step.stage in native)
