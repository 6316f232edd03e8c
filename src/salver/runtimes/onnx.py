"""ONNX models: loaded by the native executor into the shared library that the onnxruntime wheel ships."""

import importlib.util
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from salver import _native
from salver.authoring.spec import Policy, Port, Servable, StageSpec, one_stage
from salver.problems import Unusable
from salver.repository.scan import Kind, VersionFolder
from salver.repository.settings import FILE, OnnxSettings
from salver.runtimes.base import Host, Loaded, Trial
from salver.runtimes.batching import leading_problem, unbatched_reason, without_leading
from salver.runtimes.samples import guesses, two_rows

NAME = "onnx"

_SMALL = 10 * 1000**2
# Older libraries end the process when they are asked for the interface that the native part uses.
_OLDEST = (1, 23)
_INSTALL = "pip install --upgrade 'onnxruntime>=1.23'"


def suffixes() -> frozenset[str]:
    """The endings of the files that are ONNX models."""
    return frozenset({".onnx"})


def runs(folder: VersionFolder) -> bool:
    """Whether the version is nothing but an ONNX model."""
    return folder.kind is Kind.MODEL and folder.artefact.suffix in suffixes()


class OnnxLoaded(Loaded):
    """A version whose only stage is one model."""

    def __init__(self, folder: VersionFolder, model: _native.OnnxModel) -> None:
        self._folder = folder
        self._model = model
        self._instances = folder.settings.instances or default_instances(folder.artefact.parent.iterdir())
        self.servable = describe(folder, model)

    @property
    def capacity(self) -> tuple[int, str]:
        return self._instances, "instance"

    def try_once(self) -> list[Trial]:
        if self._folder.settings.batching is None:
            try_model(self._folder.artefact, self._model)
        return []

    def start(self, version: _native.Version) -> None:
        rows = self.servable.stages[0].unbatched is None
        try:
            version.add_onnx_lanes(0, self._model, rows, self._instances)
        except (OSError, ValueError) as error:
            raise unusable_model(self._folder.artefact, error) from None


def load(folder: VersionFolder, _host: Host) -> OnnxLoaded:
    """Load the folder's model. Raises Unusable."""
    settings_file = folder.artefact.parent.parent / FILE
    misplaced = folder.settings.given(("workers", "run_timeout_s", "in_process", "saved_model"))
    if misplaced:
        what = f"sets {misplaced[0]}, but an ONNX model runs without workers"
        raise Unusable(settings_file, what, "take it out; `instances` is how many run at once")
    return OnnxLoaded(folder, open_model(folder.artefact, folder.settings.onnx, settings_file))


def open_model(file: Path, options: OnnxSettings, said_in: Path) -> _native.OnnxModel:
    """Load a model; `said_in` is the file that has the options. Raises Unusable."""
    library = find_library()
    check_providers(library, options.providers, said_in)
    # Otherwise the library opens a database in its user's cache, and a thread that reports from it.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        return _native.OnnxModel(str(library), str(file), json.dumps(asdict(options)))
    except ImportError as error:
        raise Unusable(library, f"cannot be used: {error}", _INSTALL) from None
    except (OSError, ValueError) as error:
        raise unusable_model(file, error) from None


def find_library() -> Path:
    """The runtime's shared library, found without importing its package. Raises Unusable."""
    package = importlib.util.find_spec("onnxruntime")
    folders = [Path(each) / "capi" for each in (package.submodule_search_locations if package else None) or ()]
    found = [file for folder in folders for file in sorted(folder.glob("libonnxruntime.so.*"))]
    if not found:
        raise Unusable("onnxruntime", "is not installed, so ONNX models cannot be run", _INSTALL)
    version = re.search(r"\.so\.(\d+)\.(\d+)", found[-1].name)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        raise Unusable(found[-1], "is too old: version 1.23 or newer is needed", _INSTALL)
    return found[-1]


def check_providers(library: Path, providers: Iterable[str], said_in: Path) -> None:
    """Raises Unusable for a provider that this build of the runtime lacks."""
    for provider in providers:
        if provider != "cpu" and not (library.parent / f"libonnxruntime_providers_{provider}.so").is_file():
            what = f"asks for the provider '{provider}', which the installed ONNX Runtime does not have"
            remedy = "install onnxruntime-gpu in the place of onnxruntime, or take the provider out"
            raise Unusable(said_in, what, remedy)


def describe(folder: VersionFolder, model: _native.OnnxModel) -> Servable:
    """The servable that this model is: one method, one stage. Raises Unusable."""
    inputs, outputs = ports(model.inputs), ports(model.outputs)
    if not inputs or not outputs:
        raise Unusable(folder.artefact, "has no inputs or no outputs", "export a model that has both")
    reason = _batching(folder, model, inputs, outputs)
    if reason is None:
        inputs, outputs = without_leading(inputs), without_leading(outputs)
    policy = Policy(**folder.settings.policy())
    stage = StageSpec(folder.artefact.name, inputs, outputs, reason, policy)
    return Servable(folder.servable, folder.version, NAME, (one_stage(folder.settings.method, stage),), (stage,))


def ports(native: Sequence[tuple[str, str, list[int | str]]]) -> tuple[Port, ...]:
    """From the form in which the native part tells them."""
    return tuple(Port(name, dtype, tuple(dims)) for name, dtype, dims in native)


def default_instances(files: Iterable[Path]) -> int:
    """A small model gets one instance per core; a large one, with its weights in files beside it, one."""
    size = sum(file.stat().st_size for file in files if file.is_file())
    return len(os.sched_getaffinity(0)) if size < _SMALL else 1


def try_model(path: Path, model: _native.OnnxModel) -> None:
    """Run the model on made-up input of any shape it takes. Raises Unusable if it takes none."""
    inputs = ports(model.inputs)
    refusal = ""
    for guess in guesses(inputs):
        row, _ = two_rows(inputs, guess)
        try:
            model.run(row)
        except ValueError as error:
            refusal = refusal or str(error)
            continue
        return
    remedy = f"call it with real input; if that works, set batching to true or false in {FILE}, which skips the trial"
    raise Unusable(path, f"refused every trial input: {refusal}", remedy)


def _batching(
    folder: VersionFolder, model: _native.OnnxModel, inputs: tuple[Port, ...], outputs: tuple[Port, ...]
) -> str | None:
    wish = folder.settings.batching
    if wish is None:
        return unbatched_reason(model.run, inputs, outputs)
    if not wish:
        return f"{FILE} says batching = false"
    problem = leading_problem(inputs, outputs)
    if problem is not None:
        where = folder.artefact.parent.parent / FILE
        remedy = "export the model with a free leading dimension, or take the setting out"
        raise Unusable(where, f"says batching = true, but {problem}", remedy)
    return None


def unusable_model(path: Path, error: OSError | ValueError) -> Unusable:
    """What is wrong with a model file that the native part does not take."""
    if isinstance(error, OSError):
        return Unusable(path, f"cannot be read: {error.strerror or error}", "let the server's user read it")
    return Unusable(path, f"is no usable ONNX model: {error}", "export it again, and copy it completely")
