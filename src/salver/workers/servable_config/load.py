"""From a `servable_config.py` to the program of a worker."""

import os
from collections.abc import Sequence
from pathlib import Path

from salver.authoring.manifest import BatchDim, Lane, Manifest, OnnxStage
from salver.authoring.mindspore.registration import Registration, registering
from salver.authoring.mindspore.secret import Secret
from salver.authoring.mindspore.verbosity import follow_glog
from salver.authoring.spec import Servable
from salver.problems import Unusable
from salver.workers.program import Program
from salver.workers.servable_config.calls import ModelCaller
from salver.workers.servable_config.files import LoadedGraph, Location, Runtimes, close_all, load_graphs
from salver.workers.servable_config.importing import import_servable_config
from salver.workers.servable_config.models import ModelRun
from salver.workers.servable_config.pipelines import MethodCaller, hidden_method
from salver.workers.servable_config.plans import GraphKey, MethodPlanner, Stages, call_method_of
from salver.workers.servable_config.timing import timed

NAME = "mindspore"

Graphs = dict[GraphKey, LoadedGraph]


def load_servable_config(  # noqa: PLR0913 (what one worker is told)
    file: Path,
    version: int,
    folder: Path | None,
    device_id: int | None,
    *,
    dec_key: str | None = None,
    dec_mode: str = "AES-GCM",
    extra: bool = False,
) -> Program:
    """Load the servable of this file, for one worker.

    `folder` holds its model files, and may be missing if it declares no models. The servable is called like the folder
    of the file. `device_id` is the worker's own; models run on CPUs, whichever it is. `dec_key`, in hexadecimal
    digits, and `dec_mode` are those of encrypted MindIR files. An `extra` worker leaves models to those with devices.
    Raises Unusable.
    """
    follow_glog(os.environ)
    secret = None if dec_key is None else Secret(bytes.fromhex(dec_key), dec_mode)
    return load(Location(file.absolute(), version, folder, secret, extra), Runtimes())


def load(location: Location, runtimes: Runtimes) -> Program:
    """The same, with other ways to read and load model files."""
    with registering() as registration:
        import_servable_config(location.file)
    if not registration.methods and not registration.pipelines:
        remedy = "decorate a function with @register.register_method"
        raise Unusable(location.file, "There is no method registered for servable", remedy)
    if registration.models:
        _check_folder(location)
    graphs: Graphs = {}
    try:
        for key, declaration in registration.models.items():
            loaded = load_graphs(declaration, location, runtimes)
            graphs |= {(key, subgraph): each for subgraph, each in enumerate(loaded)}
        _check_counts(registration, graphs, location)
        return _program(registration, graphs, location)
    except BaseException:
        close_all(list(graphs.values()))
        raise


def _check_folder(location: Location) -> None:
    where = f"servable directory: {location.directory}, servable name: {location.name}"
    remedy = f"put the model files into {location.file.parent / str(location.version)}"
    if location.folder is None:
        what = f"There is no valid version directory of models while there are models declared in {location.file.name}"
        raise Unusable(location.file, f"{what}, {where}", remedy)
    if not location.folder.is_dir():
        raise Unusable(
            location.folder,
            "Start servable failed: There is no specified version directory of models, specified version number: "
            f"{location.version}, servable directory: '{location.directory}', servable name: '{location.name}'",
            remedy,
        )


def _check_counts(registration: Registration, graphs: Graphs, location: Location) -> None:
    for (key, subgraph), counts in registration.graphs.items():
        if (key, subgraph) not in graphs:
            what = f"a method uses subgraph {subgraph} of the model {key}, which has only {len(key.split(';'))}"
            raise Unusable(location.file, what, "subgraphs are counted from 0")
        graph = graphs[key, subgraph].graph
        pairs = (("inputs", counts.inputs, len(graph.inputs)), ("outputs", counts.outputs, len(graph.outputs)))
        for which, registered, defined in pairs:
            if registered != defined:
                what = (
                    f"The {which} count {registered} in register_method not equal to the count {defined} defined in "
                    f"model, model info: {key}, subgraph: {subgraph}"
                )
                raise Unusable(location.file, what, f"give the model's stage {defined} {which}")


def _program(registration: Registration, graphs: Graphs, location: Location) -> Program:
    stages = Stages({key: each.graph for key, each in graphs.items()})
    methods = [MethodPlanner(method, stages).planned() for method in registration.methods.values()]
    hidden = [call_method_of(key, stages) for key in graphs]
    if registration.pipelines:
        hidden += map(hidden_method, methods)
        methods += map(stages.add_pipeline, registration.pipelines.values())
    methods += hidden
    servable = Servable(location.name, location.version, NAME, tuple(methods), tuple(stages.specs))
    onnx = tuple(_onnx(index, graphs[key]) for key, index in stages.of_graph.items() if graphs[key].native)
    models = _bound(registration, graphs, stages)
    _bind_pipelines(registration, servable)
    return Program(
        Manifest(servable, tuple(_lanes(stages, graphs)), onnx),
        timed({**stages.code, **stages.pipelines, **models}, stages.specs),
        warm_up=lambda: _warm_up(list(models.values())),
        close=lambda: close_all(list(graphs.values())),
    )


def _bound(registration: Registration, graphs: Graphs, stages: Stages) -> dict[int, ModelRun]:
    """The stages that run models here. The author's handles of all models can be called from now on."""
    for key, model in registration.handles.items():
        inputs = tuple(each.graph.inputs for (owner, _), each in graphs.items() if owner == key)
        model.bind(ModelCaller(key, inputs))
    return {
        stages.of_graph[key]: ModelRun(each.graph, each.code) for key, each in graphs.items() if each.code is not None
    }


def _bind_pipelines(registration: Registration, servable: Servable) -> None:
    """Let the author's pipelines call methods."""
    inputs = {each.name: each.contract.inputs for each in servable.methods if each.name in registration.methods}
    caller = MethodCaller(servable.name, servable.version, inputs)
    for called in registration.called:
        called.bind(caller)


def _lanes(stages: Stages, graphs: Graphs) -> list[Lane]:
    """One for functions, one for each model that workers run, whatever its number of subgraphs, one for pipelines."""
    lanes = [Lane(tuple(stages.code))] if stages.code else []
    models: dict[str, list[int]] = {}
    for (key, subgraph), index in stages.of_graph.items():
        if not graphs[key, subgraph].native:
            models.setdefault(key, []).append(index)
    lanes += [Lane(tuple(indices), optional=True) for indices in models.values()]
    return lanes + ([Lane(tuple(stages.pipelines))] if stages.pipelines else [])


def _onnx(stage: int, loaded: LoadedGraph) -> OnnxStage:
    batch_dim: BatchDim = "rows" if loaded.graph.batched else "none"
    return OnnxStage(stage, str(loaded.file), batch_dim, loaded.graph.whole, loaded.threads)


def _warm_up(models: Sequence[ModelRun]) -> None:
    for model in models:
        model.warm_up()
