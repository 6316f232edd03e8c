"""Neighbouring functions of one policy become a chain, which is one stage: one way to a worker and back for all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from salver.authoring.contracts import Meaning
from salver.authoring.functions import Function
from salver.authoring.graphs import Graph, completed
from salver.authoring.models import Model
from salver.authoring.signatures import Flow
from salver.authoring.spec import Input, Policy, Port, StageSpec, StepOutput
from salver.authoring.tracing import Constant, Source


@dataclass(frozen=True)
class Call:
    """One function of a chain, at the place `index` of its method, counted from 1.

    Its arguments are numbers of values: first come the chain's inputs, then what each of its functions gives.
    """

    function: Function
    index: int
    arguments: tuple[int | Constant, ...]
    promised: tuple[Meaning, ...]

    @property
    def flow(self) -> Flow:
        return self.function.signature.flow


@dataclass(frozen=True)
class Chain:
    """Functions that run one after the other as one stage; `outputs` are the numbers of the values that it gives.

    `defaults` are what stands in for inputs that a request left out.
    """

    method: str
    calls: tuple[Call, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[int, ...]
    defaults: Mapping[int, Any]

    @property
    def row_by_row(self) -> bool:
        return self.calls[0].function.row_by_row

    @property
    def awaits(self) -> bool:
        return any("awaits" in call.flow for call in self.calls)

    @property
    def yields(self) -> bool:
        return "yields" in self.calls[-1].flow

    @property
    def context(self) -> bool:
        """Whether one of its functions asks for it."""
        return any(call.function.signature.context is not None for call in self.calls)


@dataclass(frozen=True)
class Placed:
    """A chain in its method: the values of the method that it takes, and those that it gives."""

    chain: Chain
    spec: StageSpec
    takes: tuple[Source, ...]
    gives: tuple[Source, ...]


def groups(graph: Graph) -> list[list[int]]:
    """The method's steps: chains of functions, and models one by one."""

    def key(index: int) -> tuple[bool, Policy] | int:
        target = graph.nodes[index].target
        return (target.row_by_row, target.policy) if isinstance(target, Function) else index

    return [list(members) for _, members in groupby(range(len(graph.nodes)), key)]


def chain_of(graph: Graph, group: Sequence[int]) -> Placed:
    """The chain of these functions, which are neighbours in the graph."""
    inside = [StepOutput(index, number) for index in group for number in range(len(graph.nodes[index].gives))]
    takes = _outside(graph, group, frozenset(inside))
    numbers: dict[Source, int] = {source: number for number, source in enumerate((*takes, *inside))}
    calls = tuple(_call(graph, index, numbers) for index in group)
    gives = tuple(value for value in inside if _used_after(graph, group, value))
    inputs = _distinct(_input(graph, group, source) for source in takes)
    absent = {numbers[Input(index)]: default for index, default in graph.defaults.items() if Input(index) in takes}
    chain = Chain(graph.name, calls, inputs, tuple(numbers[value] for value in gives), absent)
    outputs = _distinct(_output(calls, group, value, graph) for value in gives)
    first = calls[0].function
    spec = StageSpec(_name(graph, group), inputs, outputs, _alone(chain, first), first.policy, chain.context)
    return Placed(chain, spec, takes, gives)


def _alone(chain: Chain, first: Function) -> str | None:
    """Why each row is a batch by itself, or None: its end, or its wait, must not be its neighbours'."""
    if chain.yields:
        return "each row is answered by a sequence of its own"
    return "each row is awaited by itself" if chain.awaits and first.row_by_row else None


def _outside(graph: Graph, group: Sequence[int], inside: frozenset[StepOutput]) -> tuple[Source, ...]:
    used = (argument for index in group for argument in graph.nodes[index].arguments)
    return tuple(dict.fromkeys(each for each in used if not isinstance(each, Constant) and each not in inside))


def _used_after(graph: Graph, group: Sequence[int], value: Source) -> bool:
    later = (argument for node in graph.nodes[group[-1] + 1 :] for argument in node.arguments)
    return value in graph.sources or any(value == argument for argument in later)


def _call(graph: Graph, index: int, numbers: Mapping[Source, int]) -> Call:
    node = graph.nodes[index]
    assert isinstance(node.target, Function)
    arguments = tuple(each if isinstance(each, Constant) else numbers[each] for each in node.arguments)
    meanings = node.target.signature.results.meanings
    promised = tuple(_promised(graph, StepOutput(index, number), each) for number, each in enumerate(meanings))
    return Call(node.target, index + 1, arguments, promised)


def _promised(graph: Graph, value: StepOutput, said: Meaning) -> Meaning:
    """What a function must give: what it says, or else what its method says, or the model that takes it."""
    known = said.port("")
    for output, source in zip(graph.outputs, graph.sources, strict=True):
        if source == value:
            known = completed(known, output)
    types = {taker.dtype for taker in _models_ports(graph, value)} - {None}
    dtype = types.pop() if known.dtype is None and len(types) == 1 else known.dtype
    return replace(said, dtype=dtype, dims=known.dims, json=known.json and (said.json or said.dtype is None))


def _models_ports(graph: Graph, value: Source) -> list[Port]:
    """The inputs of models that a value goes to."""
    nodes = [node for node in graph.nodes if isinstance(node.target, Model)]
    pairs = [pair for node in nodes for pair in zip(node.arguments, node.takes, strict=True)]
    return [takes for argument, takes in pairs if argument == value]


def _input(graph: Graph, group: Sequence[int], source: Source) -> Port:
    """What the chain takes: what is known of the value, under the name of the parameter that it goes to first."""
    port = next(
        takes
        for index in group
        for argument, takes in zip(graph.nodes[index].arguments, graph.nodes[index].takes, strict=True)
        if argument == source
    )
    if isinstance(source, Input):
        return replace(graph.inputs[source.index], name=port.name)
    given = graph.nodes[source.step].gives[source.output]
    return completed(replace(given, name=port.name, optional=False), port)


def _output(calls: Sequence[Call], group: Sequence[int], value: Source, graph: Graph) -> Port:
    assert isinstance(value, StepOutput)
    meaning = calls[value.step - group[0]].promised[value.output]
    return meaning.port(graph.nodes[value.step].gives[value.output].name)


def _distinct(ports: Iterable[Port]) -> tuple[Port, ...]:
    """The ports under names that differ."""
    found: dict[str, Port] = {}
    for port in ports:
        name, number = port.name, 2
        while name in found:
            name, number = f"{port.name}_{number}", number + 1
        found[name] = replace(port, name=name)
    return tuple(found.values())


def _name(graph: Graph, group: Sequence[int]) -> str:
    names = "+".join(graph.nodes[index].target.name for index in group)
    return names if names == graph.name else f"{graph.name}.{names}"
