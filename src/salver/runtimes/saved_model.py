"""SavedModels: what TensorFlow exports. They are run by OpenVINO where it can, else by TensorFlow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from salver.problems import Unusable
from salver.runtimes.declared import check_options
from salver.runtimes.protobuf import Malformed
from salver.runtimes.saved_model_code import Runner, SignatureCode, Taken, Unfit
from salver.runtimes.saved_model_file import (
    DEFAULT,
    SavedModelFile,
    check_variables,
    ports,
    read_saved_model,
)
from salver.runtimes.workers import ModelCode, Signature, import_framework
from salver.workers.stage import Column

NAME = "SavedModel"
FRAMEWORK = None
INSTALL = "salver[openvino]"

_RUNNERS = {
    "openvino": "salver.runtimes.saved_model_openvino",
    "tensorflow": "salver.runtimes.saved_model_tensorflow",
}
_OPTIONS = ("runtime", "threads", "signature", "signatures", "warm_up", "warm_up_rounds")


@dataclass(frozen=True)
class SavedModelOptions:
    """`signatures` are those that are wanted, all if there is none; `warm_up` is whether to run what lies beside, and
    `warm_up_rounds` how often.
    """

    runtime: str = "auto"
    threads: int = 1
    signatures: tuple[str, ...] = ()
    warm_up: bool = True
    warm_up_rounds: int = 1


class SavedModel(ModelCode):
    """Runs, where no signature is chosen, the default one."""

    def __init__(self, taken: Taken, chosen: "Chosen", options: SavedModelOptions) -> None:
        self._name = default_name(taken.signatures)
        super().__init__(taken.signatures[self._name])
        self.runtime = chosen.runtime
        self.notes = chosen.notes
        self._taken = taken
        self._codes = chosen.codes
        self._warm_up_rounds = options.warm_up_rounds if options.warm_up else 0

    def methods(self) -> Mapping[str, ModelCode]:
        return self._codes

    def run(self, columns: Sequence[Column]) -> list[Column]:
        return self._codes[self._name].run(columns)

    def warm_up(self) -> None:
        from salver.runtimes.warm_up_records import replay

        for _ in range(self._warm_up_rounds):
            replay(self._taken.file.path.parent, self._codes)

    def close(self) -> None:
        for each in self._codes.values():
            each.close()


@dataclass(frozen=True)
class Chosen:
    """The signatures as they are run, by what, and what there is to say about it."""

    runtime: str
    codes: Mapping[str, SignatureCode]
    notes: tuple[str, ...]


def read_contract(path: Path) -> Signature:
    """That of the default signature."""
    signatures = _taken(read_saved_model(path), ())[0].signatures
    return signatures[default_name(signatures)]


def load(path: Path, options: Mapping[str, Any]) -> SavedModel:
    """Options: `runtime` ("auto"), `threads` (1), `signature` or `signatures` (all), `warm_up` (True) in so many
    `warm_up_rounds` (1).
    """
    wanted = _options(path, options)
    file = read_saved_model(path)
    check_variables(file)
    taken, left_out = _taken(file, wanted.signatures)
    try:
        chosen = _chosen(taken, wanted)
    except Malformed as error:
        raise Unusable(path, f"is no whole SavedModel: {error}", "export it again, and copy it completely") from None
    return SavedModel(taken, Chosen(chosen.runtime, chosen.codes, chosen.notes + left_out), wanted)


def default_name(signatures: Mapping[str, Any]) -> str:
    """The signature that is meant by a caller who names none."""
    return DEFAULT if DEFAULT in signatures else min(signatures)


def _options(path: Path, options: Mapping[str, Any]) -> SavedModelOptions:
    check_options(path, options, _OPTIONS)
    given = dict(options)
    if "signature" in given:
        given["signatures"] = (given.pop("signature"),)
    wanted = SavedModelOptions(**{**given, "signatures": tuple(given.get("signatures", ()))})
    if wanted.runtime not in ("auto", *_RUNNERS):
        raise Unusable(path, f"is loaded with runtime={wanted.runtime!r}", 'give "auto", "openvino" or "tensorflow"')
    return wanted


def _taken(file: SavedModelFile, wanted: tuple[str, ...]) -> tuple[Taken, tuple[str, ...]]:
    """The signatures that can be served, and why others cannot. Raises Unusable if there is none, or one is wanted."""
    unknown = [name for name in wanted if name not in file.signatures]
    if unknown or not file.signatures:
        what = f"has no signature '{unknown[0]}'" if unknown else "has no signatures"
        known = ", ".join(file.signatures)
        raise Unusable(file.path, what, f"it has {known}" if known else "export it with at least one")
    signatures: dict[str, Signature] = {}
    problems = []
    for name in wanted or file.signatures:
        try:
            signatures[name] = ports(file.path, name, file.signatures[name])
        except Unusable as error:
            if wanted:
                raise
            problems.append(error.problem)
    if not signatures:
        raise Unusable(file.path, problems[0].what, problems[0].remedy)
    return Taken(file, signatures), tuple(f"left out, for it {each.what}" for each in problems)


def _chosen(taken: Taken, wanted: SavedModelOptions) -> Chosen:
    """Raises Unusable, and Malformed."""
    path = taken.file.path
    if wanted.runtime == "auto":
        return _automatic(taken, wanted)
    try:
        return _run_by(wanted.runtime, taken, wanted.threads, "as [saved_model] runtime says")
    except Unfit as error:
        what = f"is to be run by {wanted.runtime}, which {error}"
        raise Unusable(path, what, "let the runtime be chosen, or mend what it says") from error


def _automatic(taken: Taken, wanted: SavedModelOptions) -> Chosen:
    """OpenVINO starts faster and is smaller, so it comes first; where it may not do, what is installed decides."""
    path, threads, other = taken.file.path, wanted.threads, _is_installed("tensorflow")
    taken, left_out = (taken, ()) if other or wanted.signatures else _numeric(taken)
    narrowing = _narrowing(taken)
    if not _is_installed("openvino"):
        refusal = "is not installed"
    elif narrowing is not None and other:
        refusal = narrowing
    else:
        try:
            chosen = _run_by("openvino", taken, threads, f"which {narrowing or 'computes in float32'}")
            return replace(chosen, notes=chosen.notes + left_out)
        except Unfit as error:
            refusal = str(error)
    if not other:
        raise Unusable(path, f"needs TensorFlow, which is not installed, for OpenVINO {refusal}", _install(refusal))
    try:
        return _run_by("tensorflow", taken, threads, f"for OpenVINO {refusal}")
    except Unfit as error:
        what = f"can be run neither by TensorFlow, which {error}, nor by OpenVINO, which {refusal}"
        raise Unusable(path, what, "export it again, and copy it completely") from error


def _numeric(taken: Taken) -> tuple[Taken, tuple[str, ...]]:
    """Without the signatures that only TensorFlow could run, which is not there, and what is to be said of them.

    All of them if the default one is among those: a model is not to lose what most callers ask for.
    """
    from salver.runtimes.saved_model_openvino import REFUSED

    each = {name: replace(taken, signatures={name: ports}).dtypes() for name, ports in taken.signatures.items()}
    lost = [name for name, kinds in each.items() if kinds & REFUSED.keys()]
    if not lost or default_name(taken.signatures) in lost:
        return taken, ()
    kinds = " or ".join(text for kind, text in REFUSED.items() if kind in taken.dtypes())
    note = f"left out, for OpenVINO takes no {kinds} from callers, and TensorFlow is not installed: {', '.join(lost)}"
    kept = {name: ports for name, ports in taken.signatures.items() if name not in lost}
    return replace(taken, signatures=kept), (note,)


def _run_by(name: str, taken: Taken, threads: int, why: str) -> Chosen:
    """Raises Unusable if the runner cannot be imported, Unfit if it cannot run the model, and Malformed."""
    runner: Runner = import_module(_RUNNERS[name])
    runner.prepare()
    import_framework(taken.file.path, runner)
    return Chosen(name, runner.load(taken, threads), (f"run by {runner.NAME}, {why}",))


def _is_installed(name: str) -> bool:
    return find_spec(name) is not None


def _narrowing(taken: Taken) -> str | None:
    """What OpenVINO would do to numbers of 64 bits, if there are some."""
    from salver.runtimes.saved_model_openvino import NARROWED

    found = sorted(taken.dtypes() & NARROWED.keys())
    return f"computes {', '.join(f'{each} as {NARROWED[each]}' for each in found)}" if found else None


def _install(refusal: str) -> str:
    if refusal == "is not installed":
        return "pip install 'salver[openvino]', or 'salver[tensorflow]', which is larger and runs every model"
    return "pip install 'salver[tensorflow]', or choose other signatures by [saved_model] signatures = [...]"
