"""The contract between a worker and whatever runs one kind of model file there, and the list of those who do.

A runtime is a `WorkerRuntime`: a module, or any object. Anybody's package can add one, by an entry point in the group
`salver.runtimes` whose name is the ending of its files, without the dot:

    [project.entry-points."salver.runtimes"]
    cbm = "salver_catboost.runtime"

Nothing of it is imported before a file with that ending is asked for. `salver.runtimes.dictionary` is the smallest.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from salver.authoring.spec import Origin, Port
from salver.problems import Unusable
from salver.repository.endings import SAVED_MODEL, ending

if TYPE_CHECKING:
    from salver.workers.stage import Column

GROUP = "salver.runtimes"

_OWN = {
    ".mindir": "salver.runtimes.mindir",
    ".pt": "salver.runtimes.torchscript",
    ".pt2": "salver.runtimes.torch_export",
    ".table": "salver.runtimes.dictionary",
    ".torchscript": "salver.runtimes.torchscript",
    SAVED_MODEL: "salver.runtimes.saved_model",
}


class Signature(NamedTuple):
    """What a model takes and gives. Dims are those of the whole tensors; a free one is a symbol, or "" if unnamed."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


class ModelCode(ABC):
    """A loaded model. Runs one call at a time, in a thread that need not be the one that loaded it."""

    runtime: str = ""
    """What runs it, where its file alone does not say so."""

    notes: tuple[str, ...] = ()
    """What its user should know of how it is run, in whole sentences."""

    rows_together: bool = False
    """Whether it is known, so that it need not be tried, that its rows may run together."""

    rows_apart: str | None = None
    """Why its rows must not run together, where that is known."""

    origin: Origin | None = None

    def __init__(self, signature: Signature) -> None:
        self.inputs, self.outputs = signature

    def methods(self) -> "Mapping[str, ModelCode]":
        """The models that this one consists of, by their names; empty for one that is just itself."""
        return {}

    @abstractmethod
    def run(self, columns: "Sequence[Column]") -> "list[Column]":
        """From whole input tensors to whole output tensors, each in the order of its ports.

        Inputs are not written to, nor kept. Raises ValueError for input that this model does not take, whoever else's
        it would take, and `salver.workers.stage.StageFailed` if the run failed; either with the framework's own text.
        The next run is none the worse for it.
        """

    def warm_up(self) -> None:  # noqa: B027 - most have nothing to do
        """Run what lies beside the model for that, before anybody calls it. Raises Unusable if it fails."""

    def close(self) -> None:  # noqa: B027
        """Let go of what the model holds. Nothing is run after it."""


class Framework(Protocol):
    """What must be installed to run models."""

    @property
    def FRAMEWORK(self) -> str | None:  # noqa: N802
        """The package that must be importable for `load`, or None."""

    @property
    def INSTALL(self) -> str:  # noqa: N802
        """What pip has to be given to install it, such as "salver[torch]"."""


class WorkerRuntime(Framework, Protocol):
    """The names that a runtime has. To import it is cheap: what needs the framework imports it."""

    @property
    def NAME(self) -> str:  # noqa: N802
        """What people call it."""

    def read_contract(self, path: Path, /) -> Signature | None:
        """What the file says, found without the framework; None if only `load` can tell. Raises Unusable."""

    def load(self, path: Path, options: Mapping[str, Any], /) -> ModelCode:
        """Load the model, and do now what would make its first runs slow. Raises Unusable for what a user can mend."""


def suffixes() -> frozenset[str]:
    """The endings of the files that a worker can run."""
    return frozenset(_OWN) | {f".{found.name}" for found in entry_points(group=GROUP)}


def read_contract(path: Path) -> Signature | None:
    """What the file says of itself without its framework; None if only loading it can tell. Raises Unusable."""
    runtime = _runtime(path)
    _check_file(path)
    return runtime.read_contract(path)


def load_model(path: Path, options: Mapping[str, Any]) -> ModelCode:
    """Load a model by the runtime for its file; `options` are the runtime's own. Raises Unusable."""
    runtime = _runtime(path)
    _check_file(path)
    import_framework(path, runtime)
    return runtime.load(path, options)


def import_framework(path: Path, runtime: Framework) -> None:
    """Apart from loading, so that a framework that cannot be imported is not taken for a broken file.

    Raises Unusable; `path` is of the model that needs it.
    """
    if runtime.FRAMEWORK is None:
        return
    install = f"pip install '{runtime.INSTALL}'"
    try:
        import_module(runtime.FRAMEWORK)
    except ModuleNotFoundError as error:
        if error.name != runtime.FRAMEWORK:
            raise _broken(path, runtime, error) from error
        raise Unusable(path, f"needs {runtime.FRAMEWORK}, which is not installed", install) from None
    except Exception as error:
        raise _broken(path, runtime, error) from error


def _runtime(path: Path) -> WorkerRuntime:
    own = ending(path, _OWN)
    if own is not None:
        return import_module(_OWN[own])
    found = tuple(entry_points(group=GROUP, name=path.suffix.removeprefix(".")))
    if len(found) == 1:
        return _load_foreign(found[0])
    if not found:
        known = ", ".join(sorted(suffixes()))
        raise Unusable(path, f"no runtime runs files that end in '{path.suffix}'", f"give one of {known}")
    owners = " and ".join(_owner(each) for each in found)
    raise Unusable(path, f"more than one package runs files that end in '{path.suffix}': {owners}", "uninstall one")


def _load_foreign(found: EntryPoint) -> WorkerRuntime:
    """Whatever fails in somebody else's package, its name is told."""
    try:
        runtime: WorkerRuntime = found.load()
    except Exception as error:
        what = f"the runtime of {_owner(found)} for files that end in '.{found.name}' cannot be imported: {error}"
        raise Unusable(found.value, what, "mend or uninstall that package") from error
    return runtime


def _owner(found: EntryPoint) -> str:
    return found.value if found.dist is None else found.dist.name


def _check_file(path: Path) -> None:
    """MindSpore, for one, exports files that only their owner may read."""
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise Unusable(path, "there is no such file", "give the path of a model file") from None
    except OSError as error:
        raise Unusable(path, f"cannot be read: {error.strerror or error}", "let the server's user read it") from None


def _broken(path: Path, runtime: Framework, error: Exception) -> Unusable:
    what = f"needs {runtime.FRAMEWORK}, which cannot be imported: {error}"
    return Unusable(path, what, f"pip install --upgrade '{runtime.INSTALL}'")
