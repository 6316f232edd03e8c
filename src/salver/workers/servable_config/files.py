"""Which file of a version folder a declared model is, and who runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salver.authoring.mindspore.definitions import ModelDeclaration
from salver.authoring.mindspore.secret import Secret
from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.workers.servable_config.graphs import Graph, UnusableGraph, graph_of

if TYPE_CHECKING:
    from salver.runtimes.workers import ModelCode, Signature


@dataclass(frozen=True)
class LoadedGraph:
    """A subgraph of a declared model. `code` runs it here; else the server does, if it is native, or other workers."""

    graph: Graph
    file: Path
    threads: int
    native: bool
    code: "ModelCode | None"


@dataclass(frozen=True)
class Location:
    """Where a servable and the version of it that is loaded lie, and what it takes to read it.

    `models_elsewhere` says that other workers run the models that this one could.
    """

    file: Path
    version: int
    folder: Path | None
    secret: Secret | None = None
    models_elsewhere: bool = False

    @property
    def name(self) -> str:
        return self.file.parent.name

    @property
    def directory(self) -> Path:
        return self.file.parent.parent


class Runtimes:
    """What reads and loads model files; imported when it is first needed."""

    def read_onnx(self, file: Path) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        """The inputs and outputs of an ONNX file. Raises Unusable."""
        from salver.runtimes.onnx_contract import read_contract

        return read_contract(file)

    def read(self, file: Path) -> "Signature | None":
        """The inputs and outputs of any other file, if it tells them without being loaded. Raises Unusable."""
        from salver.runtimes.workers import read_contract

        return read_contract(file)

    def load(self, file: Path, options: Mapping[str, Any]) -> "ModelCode":
        """A model that is to be run here. Raises Unusable."""
        from salver.runtimes.workers import load_model

        return load_model(file, options)


def load_graphs(declaration: ModelDeclaration, location: Location, runtimes: Runtimes) -> list[LoadedGraph]:
    """Find and load every subgraph of a model. Raises Unusable."""
    loaded: list[LoadedGraph] = []
    try:
        for name in declaration.files:
            loaded.append(_load(name, declaration, location, runtimes))
        _check_sizes(loaded)
    except BaseException as error:
        close_all(loaded)
        if isinstance(error, UnusableGraph):
            remedy = (
                "export the model with a first dimension that all inputs and outputs share, or mend its declaration"
            )
            raise Unusable(location.file, _failed(declaration, location, str(error)), remedy) from None
        if isinstance(error, Unusable):
            what = _failed(declaration, location, error.problem.what)
            raise Unusable(error.problem.where, what, error.problem.remedy) from error.__cause__
        raise
    return loaded


def close_all(loaded: Sequence[LoadedGraph]) -> None:
    """Let go of the models that this worker runs."""
    for each in loaded:
        if each.code is not None:
            each.code.close()


def _load(name: str, declaration: ModelDeclaration, location: Location, runtimes: Runtimes) -> LoadedGraph:
    file, is_onnx = _resolve(name, declaration, location)
    threads = declaration.context.thread_num or 1
    if is_onnx:
        inputs, outputs = runtimes.read_onnx(file)
        return LoadedGraph(graph_of(name, declaration, inputs, outputs), file, threads, True, None)
    if location.models_elsewhere:
        inputs, outputs = _ports(file, location, runtimes)
        return LoadedGraph(graph_of(name, declaration, inputs, outputs), file, threads, False, None)
    code = runtimes.load(file, _options(file, location))
    try:
        return LoadedGraph(graph_of(name, declaration, code.inputs, code.outputs), file, threads, False, code)
    except UnusableGraph:
        code.close()
        raise


def _ports(file: Path, location: Location, runtimes: Runtimes) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """The inputs and outputs of a file, which is loaded only if it does not tell them otherwise."""
    told = runtimes.read(file)
    if told is not None:
        return told
    code = runtimes.load(file, _options(file, location))
    code.close()
    return code.inputs, code.outputs


def _options(file: Path, location: Location) -> dict[str, Any]:
    secret = location.secret if file.suffix == ".mindir" else None
    return {} if secret is None else asdict(secret)


def _resolve(name: str, declaration: ModelDeclaration, location: Location) -> tuple[Path, bool]:
    """The file to run, and whether it is ONNX: one of the same name takes the place of any other format."""
    assert location.folder is not None
    named = location.folder.absolute() / name
    twin = named.with_suffix(".onnx")
    if twin.is_file():
        return twin, True
    if declaration.format == "om" or named.suffix == ".om":
        what = f"'{name}' is a model compiled for Ascend cards, which salver does not run"
        raise Unusable(named, what, f"export the model as ONNX to {twin.name} beside it; the declaration may stay")
    if not named.is_file():
        remedy = f"put {name} there, or {twin.name}, which is run in its place"
        raise Unusable(location.folder, f"there is no file '{name}'", remedy)
    return named, declaration.format == "onnx"


def _check_sizes(loaded: Sequence[LoadedGraph]) -> None:
    sizes = {each.graph.size for each in loaded}
    if len(sizes) > 1:
        shown = ", ".join(f"{each.graph.name}: {each.graph.size or 'any'}" for each in loaded)
        raise UnusableGraph(f"the subgraphs of one model have different batch sizes: {shown}")


def _failed(declaration: ModelDeclaration, location: Location, details: str) -> str:
    return (
        f"Load model failed, servable directory: '{location.directory}', servable name: '{location.name}', "
        f"model file: '[{', '.join(declaration.files)}]', version number {location.version},"
        f"model context: {declaration.context}, load error details: {details}"
    )
