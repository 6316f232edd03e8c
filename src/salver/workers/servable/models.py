"""Models that a servable declares: what they take and give, who runs them, and calls of them from functions."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salver.authoring.manifest import BatchDim, OnnxStage
from salver.authoring.models import Batching, Model
from salver.authoring.spec import Port
from salver.authoring.tracing import ModelPorts
from salver.problems import Unusable
from salver.repository.endings import SAVED_MODEL, ending
from salver.repository.settings import OnnxSettings
from salver.runtimes.batching import leading_problem, shape_problem, shaped, unbatched_reason, without_leading
from salver.runtimes.samples import Tensor
from salver.workers.servable.samples import column_of, tensor_of

if TYPE_CHECKING:
    from salver.runtimes.workers import ModelCode

_ONNX = ".onnx"
_TEXTS = ("str", "bytes")


@dataclass(frozen=True)
class LoadedModel:
    """A declared model; `code` runs it in this worker, or it is an ONNX file, which the server runs."""

    model: Model
    file: Path
    ports: ModelPorts
    code: "ModelCode | None"
    fixed_rows: int | None = None
    """How many rows its tensors always have, where that is not left open."""
    one_by_one: str | None = None
    """Why batches are of one row, where they are of rows all the same."""

    def onnx_stage(self, stage: int) -> OnnxStage:
        """How the server runs it. Raises Unusable for options that it does not have."""
        dims: dict[Batching, BatchDim] = {True: "rows", False: "none", "auto": "auto"}
        settings = onnx_settings(self.model)
        return OnnxStage(stage, str(self.file), dims[self.model.batching], instances=self.model.instances, **settings)


def load(model: Model, file: Path, folder: Path | None) -> LoadedModel:
    """Find a model and read, or where no ONNX file is it, load it. Raises Unusable."""
    found = find(model, file, folder)
    if found.suffix == _ONNX:
        from salver.runtimes.onnx_contract import read_contract

        onnx_settings(model)
        return _described(model, found, *read_contract(found), None)
    from salver.runtimes.workers import load_model, suffixes

    if ending(found, suffixes()) is None:
        known = ", ".join(sorted({_ONNX, *suffixes()}))
        what = f"declares '{model.path}', which no runtime that is installed runs"
        raise Unusable(model.place, what, f"known are {known}; export it to one of them")
    if model.instances is not None:
        what = f"says instances={model.instances} of '{model.path}', but only ONNX models have several in one process"
        raise Unusable(model.place, what, "take it out; salver.options(workers=...) is how many processes run it")
    code = load_model(found, model.options)
    try:
        return describe(model, found, code)
    except Unusable:
        code.close()
        raise


def describe(model: Model, file: Path, code: "ModelCode") -> LoadedModel:
    """What a model that this worker runs takes and gives for one row. Raises Unusable."""
    return _described(model, file, tuple(code.inputs), tuple(code.outputs), code)


def find(model: Model, file: Path, folder: Path | None) -> Path:
    """The model's file, beside the servable's file or in the version's folder. Raises Unusable."""
    places = [file.parent] if folder is None else [file.parent, folder]
    candidates = [place / model.path for place in places]
    found = next((each for each in map(_file_of, candidates) if each.exists()), None)
    if found is None:
        where = " nor ".join(str(each.parent) for each in candidates)
        what = f"declares the model '{model.path}', which is {'neither ' if folder else 'not '}in {where}"
        raise Unusable(model.place, what, "put it there, or mend the path")
    return found.absolute()


def _file_of(path: Path) -> Path:
    """A SavedModel is a folder, but what is read of it first is this file."""
    saved = path / SAVED_MODEL
    return saved if saved.is_file() else path


def onnx_settings(model: Model) -> dict[str, Any]:
    """The options that an ONNX model has. Raises Unusable for others."""
    known = {each.name: each.metadata["read"] for each in fields(OnnxSettings)}
    settings: dict[str, Any] = {}
    for name, value in model.options.items():
        if name not in known:
            what = f"gives '{model.path}' the option {name}"
            raise Unusable(model.place, what, f"an ONNX model has {', '.join(known)}")
        try:
            settings[name] = known[name](list(value) if isinstance(value, tuple) else value)
        except ValueError as error:
            raise Unusable(model.place, f"says {name}={value!r}", str(error)) from None
    return settings


def _described(
    model: Model, file: Path, inputs: tuple[Port, ...], outputs: tuple[Port, ...], code: "ModelCode | None"
) -> LoadedModel:
    """What a model with these whole tensors takes and gives for one row. Raises Unusable."""
    reason = _unbatched(model, inputs, outputs, code)
    if reason is not None and _is_of_texts(inputs, outputs, code):
        policy = replace(model.policy, max_batch_size=1, split_calls=True)
        ports = ModelPorts(without_leading(inputs), without_leading(outputs), None, policy)
        return LoadedModel(model, file, ports, code, one_by_one=reason)
    if reason is not None:
        return LoadedModel(model, file, ModelPorts(inputs, outputs, reason, model.policy), code)
    rows = _fixed_rows(model, inputs, outputs)
    policy = model.policy
    if rows is not None:
        policy = replace(policy, max_batch_size=min(rows, policy.max_batch_size), split_calls=True)
    ports = ModelPorts(without_leading(inputs), without_leading(outputs), None, policy)
    return LoadedModel(model, file, ports, code, rows)


def _unbatched(model: Model, inputs: Sequence[Port], outputs: Sequence[Port], code: "ModelCode | None") -> str | None:
    if model.batching is False:
        return "it is declared with batching=False"
    if model.batching is True:
        return None
    if code is not None and (code.rows_apart is not None or code.rows_together):
        return code.rows_apart or shape_problem(shaped(inputs), shaped(outputs))
    if any(port.dims is None for port in (*inputs, *outputs)):
        return "its file does not say all shapes"
    if code is None:
        return shape_problem(inputs, outputs)
    return unbatched_reason(lambda tensors: _trial(code, tensors), inputs, outputs)


def _is_of_texts(inputs: Sequence[Port], outputs: Sequence[Port], code: "ModelCode | None") -> bool:
    """Whether rows have texts: a worker gets those in rows only, never as a row's whole tensor."""
    texts = [port.dims for port in (*inputs, *outputs) if port.dtype in _TEXTS and port.dims]
    some = any(code is not None or len(dims) == 1 for dims in texts)
    return some and leading_problem(inputs, outputs) is None


def _trial(code: "ModelCode", tensors: Sequence[Tensor]) -> list[Tensor]:
    """Raises ValueError if the model refuses, which is of any kind in the many runtimes there are."""
    try:
        given = code.run([column_of(tensor) for tensor in tensors])
    except Exception as error:
        raise ValueError(str(error)) from error
    return [tensor_of(column) for column in given]


def _fixed_rows(model: Model, inputs: Sequence[Port], outputs: Sequence[Port]) -> int | None:
    """The leading dimension that all have in common; None if it is free. Raises Unusable."""
    ports = [port for port in (*inputs, *outputs) if port.dims is not None]
    leading = {port.dims[0] if port.dims else None for port in ports}
    lengths = [dim for dim in leading if isinstance(dim, int)]
    if None in leading or (lengths and len(leading) > 1):
        what = f"says batching=True of '{model.path}', but its {leading_problem(inputs, outputs)}"
        raise Unusable(model.place, what, "export it with a leading dimension that all inputs and outputs share")
    return lengths[0] if lengths else None
