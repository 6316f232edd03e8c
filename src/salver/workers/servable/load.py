"""From a servable's file to the program that a worker runs."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from salver.authoring.collecting import Collected, check_class, collected, methods_of
from salver.authoring.functions import Traced
from salver.authoring.graphs import Models, graph_of_function, graph_of_method
from salver.authoring.manifest import Lane, Manifest
from salver.authoring.models import Model, declaring
from salver.authoring.planning import Planned, planned
from salver.authoring.protos.services import Service, declaring_services
from salver.problems import Unusable
from salver.repository import values
from salver.workers.program import Program
from salver.workers.servable import model_stages, models, stages
from salver.workers.servable.calls import ModelCaller
from salver.workers.servable.examples import example_of
from salver.workers.servable.importing import blaming, import_servable
from salver.workers.servable.lives import Lives
from salver.workers.servable.models import LoadedModel
from salver.workers.servable.services import Methods, key, offers, with_services
from salver.workers.stage import AnyStage

_CPU = "cpu"


def load_servable(
    file: Path, name: str, version: int, folder: Path | None = None, device: str | None = None
) -> Program:
    """Import the file, trace its methods, and load what is no ONNX file of its models.

    Models are beside the file or in `folder`, which is the version's. Raises Unusable for whatever goes wrong, naming
    the line of the author's files.
    """
    file = file.absolute()
    with ExitStack() as undo, blaming(file):
        with declaring() as declared, declaring_services() as services:
            names = import_servable(file)
        found = collected(names)
        device = device or (found.options and found.options.device) or _CPU
        loaded = _load_models(declared, file, folder, undo)
        ports = {model: each.ports for model, each in loaded.items()}
        instances = {part: _instance(part) for part in found.parts if isinstance(part, type)}
        methods = _methods(found, instances, services, ports)
        _check_names(file, methods)
        plan = planned(name, version, methods.graphs, ports)
        plan = replace(plan, servable=with_services(plan.servable, methods.served))
        program = _program(plan, found, loaded, device)
        code = [each.code for each in loaded.values() if each.code is not None]
        lives = Lives(file, list(instances.values()), device, code)
        examples = {graph.name: each for graph in methods.public if (each := example_of(graph)) is not None}
        undo.pop_all()
        return replace(program, set_up=lives.set_up, warm_up=lives.warm_up, close=lives.close, examples=examples)


def _load_models(
    declared: Sequence[Model], file: Path, folder: Path | None, undo: ExitStack
) -> dict[Model, LoadedModel]:
    loaded: dict[Model, LoadedModel] = {}
    for model in declared:
        loaded[model] = models.load(model, file, folder)
        code = loaded[model].code
        if code is not None:
            undo.callback(code.close)
    return loaded


def _instance(part: type) -> object:
    check_class(part)
    instance: object = part()
    return instance


def _methods(
    found: Collected, instances: Mapping[type, object], services: Sequence[Service], models: Models
) -> Methods:
    """The methods in the order of their definition, those that only serve rpcs last."""
    given = offers(services, instances.values())
    handlers = {key(offer.plain) for offer in given if offer.handles}
    traced = {part: graph_of_method(part, models) for part in found.parts if isinstance(part, Traced)}
    used = {node.target for graph in traced.values() for node in graph.nodes}
    methods = Methods()
    for part in found.parts:
        if isinstance(part, Traced):
            methods.add(part, traced[part])
            continue
        owner = part if isinstance(part, type) else None
        for each in methods_of(instances[part]) if isinstance(part, type) else [part]:
            if each not in used and key(each) not in handlers:
                methods.add(each, graph_of_function(each), owner)
    methods.serve(given)
    return methods


def _check_names(file: Path, methods: Methods) -> None:
    if not methods.graphs:
        remedy = "decorate a function with @salver.function or @salver.method, which calls stages, or a class with "
        remedy += "@salver.servable"
        raise Unusable(file, "has no method that could be called", remedy)
    places: dict[str, Any] = {}
    for graph in methods.public:
        if graph.name in places:
            what = f"defines the method '{graph.name}', as does {places[graph.name]}"
            raise Unusable(graph.place, what, "give one of them another name")
        try:
            places[values.identifier(graph.name)] = graph.place
        except ValueError as error:
            what = f"defines the method '{graph.name}', a name that not every protocol carries"
            raise Unusable(graph.place, what, str(error)) from None


def _program(plan: Planned, found: Collected, loaded: dict[Model, LoadedModel], device: str) -> Program:
    code: dict[int, AnyStage] = {}
    for index, chain in plan.chains.items():
        code[index] = stages.stage_of(chain, plan.servable.name, device)
    native, lanes = [], list(plan.lane_of_functions())
    for index, model in plan.models.items():
        each, spec = loaded[model], plan.servable.stages[index]
        model.runner = ModelCaller(spec.name, each.ports)
        if each.code is None:
            native.append(each.onnx_stage(index))
        else:
            code[index] = model_stages.stage_of(each)
            lanes.append(Lane((index,)))
    options = found.options
    manifest = Manifest(plan.servable, tuple(lanes), tuple(native), options.workers if options else None)
    if options is not None and options.run_timeout is not None:
        manifest = replace(manifest, run_timeout_s=float(options.run_timeout))
    return Program(manifest, code)
