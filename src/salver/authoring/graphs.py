"""From a method as its author wrote it to a graph of stages with a contract."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from salver.authoring.contracts import NUMBERS, UNDECLARED, Meaning
from salver.authoring.functions import Function, Traced, node_of
from salver.authoring.models import Model
from salver.authoring.places import Place
from salver.authoring.settling import conflict
from salver.authoring.signatures import MISSING, Signature, read_signature
from salver.authoring.spec import Input, Port, StepOutput
from salver.authoring.tracing import Constant, ModelPorts, Node, Source, Trace, Value, tracing
from salver.problems import Unusable

Models = Mapping[Model, ModelPorts]


@dataclass(frozen=True)
class Graph:
    """A method: its inputs with their defaults, what it does in order, and where its outputs come from."""

    name: str
    place: Place
    inputs: tuple[Port, ...]
    defaults: Mapping[int, Any]
    nodes: tuple[Node, ...]
    outputs: tuple[Port, ...]
    sources: tuple[Source, ...]
    example: Mapping[str, Any] | None

    @property
    def sequence(self) -> bool:
        """Whether its last stage answers each row by a sequence."""
        return bool(self.nodes) and _yields(self.nodes[-1])


def graph_of_function(function: Function) -> Graph:
    """The method that does nothing but run one function. Raises Unusable."""
    signature = function.signature
    _check_inputs(function.name, signature)
    inputs = tuple(parameter.port for parameter in signature.parameters)
    node = node_of(function, [Input(index) for index in range(len(inputs))])
    trace = Trace(function.name, signature.place, inputs, {})
    sources = tuple(value.source for value in trace.add(replace(node, place=signature.place)))
    return _checked(_graph(trace, signature, signature.results.ports, sources, function.example))


def graph_of_method(method: Traced, models: Models) -> Graph:
    """Trace a method. Raises Unusable."""
    signature = read_signature(method.plain, sequences=True)
    _check_inputs(method.name, signature)
    _check_traceable(method, signature)
    inputs = tuple(parameter.port for parameter in signature.parameters)
    trace = Trace(method.name, signature.place, inputs, models)
    values = [Value(trace, Input(index), f"the input '{port.name}'") for index, port in enumerate(inputs)]
    pairs = list(zip(signature.parameters, values, strict=True))
    with tracing(trace):
        result = method.plain(
            *(value for parameter, value in pairs if not parameter.keyword_only),
            **{parameter.name: value for parameter, value in pairs if parameter.keyword_only},
        )
    if not any(_yields(node) for node in trace.nodes):
        signature = read_signature(method.plain, sequences=False)
    named = _named_results(signature, method.name, result)
    outputs = _declared_outputs(trace, signature, named)
    sources = tuple(named[port.name].source for port in outputs)
    return _checked(_graph(trace, signature, outputs, sources, method.example))


def _yields(node: Node) -> bool:
    return isinstance(node.target, Function) and "yields" in node.target.signature.flow


def _check_inputs(name: str, signature: Signature) -> None:
    if not signature.parameters:
        what = f"the method '{name}' has no inputs, so no request could say how many rows it has"
        remedy = "give it an input, in a class after `self`; one with a default value may be left out"
        raise Unusable(signature.place, what, remedy)


def _check_traceable(method: Traced, signature: Signature) -> None:
    if signature.flow != "returns":
        what = f"the method '{method.name}' {signature.flow}, but it is only traced, once"
        remedy = "let a function decorated with @salver.stage do that, and return its result"
        raise Unusable(signature.place, what, remedy)
    if signature.context is not None:
        what = f"the method '{method.name}' asks for the context, but there is no call yet when it is traced"
        raise Unusable(signature.place, what, "ask for it in the functions that need it: they get it by themselves")


def _named_results(signature: Signature, name: str, result: Any) -> dict[str, Value]:
    """What a method returned, by the names of its outputs."""
    found = _by_name(result)
    for output, value in found.items():
        if not isinstance(value, Value):
            shown = "nothing" if value is None else f"a {type(value).__name__}"
            what = f"the method '{name}' returns {shown} as '{output}'"
            raise Unusable(signature.place, what, "return what it gets, or what its stages give")
    if not found:
        raise Unusable(signature.place, f"the method '{name}' returns nothing", "return its outputs")
    return found


def _by_name(result: Any) -> dict[str, Any]:
    if isinstance(result, dict):
        return {str(name): value for name, value in result.items()}
    if isinstance(result, tuple | list):
        names = getattr(result, "_fields", [f"output_{index}" for index in range(len(result))])
        return dict(zip(names, result, strict=True))
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    return {"output": result}


def _declared_outputs(trace: Trace, signature: Signature, named: Mapping[str, Value]) -> tuple[Port, ...]:
    """The method's outputs: what it says of them, and where it says nothing, what is known of their sources."""
    known = {name: trace.port(value.source) for name, value in named.items()}
    if not signature.annotated:
        return tuple(replace(port, name=name, optional=False) for name, port in known.items())
    declared = signature.results.ports
    if {port.name for port in declared} != set(named):
        expected = ", ".join(port.name for port in declared)
        what = f"the method '{trace.method}' returns {', '.join(named)}, but its annotation says {expected}"
        raise Unusable(signature.place, what, "make the two agree")
    return tuple(_met(trace, signature.place, port, known[port.name]) for port in declared)


def _met(trace: Trace, place: Place, promised: Port, known: Port) -> Port:
    problem = conflict(known, promised)
    if problem:
        what = f"the method '{trace.method}' promises {promised}, but gives {known}: {problem}"
        raise Unusable(place, what, "make the annotation agree with what the stage gives")
    return completed(promised, known)


def _graph(
    trace: Trace,
    signature: Signature,
    outputs: tuple[Port, ...],
    sources: tuple[Source, ...],
    example: Mapping[str, Any] | None,
) -> Graph:
    defaults = {index: each.default for index, each in enumerate(signature.parameters) if each.default is not MISSING}
    inputs = tuple(_inferred(trace, Input(index)) for index in range(len(trace.inputs)))
    outputs = tuple(
        completed(port, replace(inputs[source.index], optional=False)) if isinstance(source, Input) else port
        for port, source in zip(outputs, sources, strict=True)
    )
    return Graph(trace.method, trace.place, inputs, defaults, tuple(trace.nodes), outputs, sources, example)


def _inferred(trace: Trace, source: Input) -> Port:
    """A method's input; where it is not declared, it is what its typed destinations agree on."""
    port = trace.inputs[source.index]
    takers = [
        takes
        for node in trace.nodes
        for argument, takes in zip(node.arguments, node.takes, strict=True)
        if argument == source
    ]
    types = {taker.dtype for taker in takers} - {None}
    shapes = {taker.dims for taker in takers} - {None}
    known = Port(port.name, types.pop() if len(types) == 1 else None, shapes.pop() if len(shapes) == 1 else None)
    if port.dtype is None and takers and all(taker.json for taker in takers):
        known = replace(known, json=True)
    return completed(port, known)


def completed(port: Port, known: Port) -> Port:
    """The port with what is not declared of it taken from `known`."""
    dtype = known.dtype if port.dtype is None else port.dtype
    json = port.json or (known.json and dtype == "str")
    return replace(port, dtype=dtype, dims=known.dims if port.dims is None else port.dims, json=json)


def _checked(graph: Graph) -> Graph:
    """Raises Unusable for a graph that cannot run."""
    used = {each.step for each in (*graph.sources, *_arguments(graph)) if isinstance(each, StepOutput)}
    for index, node in enumerate(graph.nodes):
        _check_edges(graph, node)
        if index not in used:
            what = f"the method '{graph.name}' does not use what '{node.target.name}' gives"
            raise Unusable(node.place, what, "return it, hand it on, or take the call out")
    _check_sequences(graph)
    for source in graph.sources:
        if isinstance(source, Input) and source.index in graph.defaults:
            what = (
                f"the method '{graph.name}' returns its input '{graph.inputs[source.index].name}', which may be absent"
            )
            raise Unusable(graph.place, what, "take its default value away")
    return graph


def _arguments(graph: Graph) -> list[Source | Constant]:
    return [argument for node in graph.nodes for argument in node.arguments]


def _check_edges(graph: Graph, node: Node) -> None:
    for argument, takes, meaning in zip(node.arguments, node.takes, _meanings(node), strict=True):
        if isinstance(argument, Constant):
            continue
        given = graph.inputs[argument.index] if isinstance(argument, Input) else None
        if given is not None and given.optional and isinstance(node.target, Model):
            what = f"gives '{given.name}', which callers may leave out, to the model '{node.target.name}'"
            raise Unusable(
                node.place, what, "let a function put something in its place, or take its default value away"
            )
        port = given or graph.nodes[argument.step].gives[argument.output]  # type: ignore[union-attr]
        problem = None if _converted(port, meaning) else conflict(port, takes)
        if problem:
            apart = f" (a row is its whole input, because {node.unbatched})" if node.unbatched else ""
            what = f"gives {port} to '{node.target.name}', which takes {takes}{apart}: {problem}"
            remedy = "make the two annotations agree, or put a stage that converts between them"
            raise Unusable(node.place, what, remedy)


def _meanings(node: Node) -> list[Meaning]:
    if isinstance(node.target, Function):
        return [parameter.meaning for parameter in node.target.signature.parameters]
    return [UNDECLARED] * len(node.takes)


def _converted(port: Port, meaning: Meaning) -> bool:
    """Whether a single number becomes the Python number that a function takes."""
    if not meaning.python or port.dims or port.dtype not in NUMBERS:
        return False
    kinds = {"float64": ("float", "bfloat", "int", "uint", "bool"), "int64": ("int", "uint", "bool"), "bool": ("bool",)}
    return port.dtype.rstrip("0123456789") in kinds[meaning.dtype or "bool"]


def _check_sequences(graph: Graph) -> None:
    last = len(graph.nodes) - 1
    for index, node in enumerate(graph.nodes):
        if not _yields(node):
            continue
        if isinstance(node.target, Function) and not node.target.row_by_row:
            what = f"'{node.target.name}' yields, but it takes batches, and a sequence answers one row"
            raise Unusable(node.place, what, "decorate it with @salver.stage, and let a method return its result")
        others = [source for source in graph.sources if isinstance(source, Input) or source.step != index]
        if index != last or others:
            what = f"'{node.target.name}' answers by a sequence, so nothing can come after it or beside it"
            raise Unusable(node.place, what, "make it the last stage, and return its results alone")
