"""From graphs to the servable: its stages, methods and lanes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from salver.authoring.chains import Chain, chain_of, groups
from salver.authoring.graphs import Graph, Models
from salver.authoring.manifest import Lane
from salver.authoring.models import Model
from salver.authoring.spec import Contract, Input, Method, Plan, Servable, StageSpec, Step, StepOutput, carries_rows
from salver.authoring.tracing import Constant, Source

_SLOTS_AWAITING = 64
_SLOTS_YIELDING = 32


@dataclass(frozen=True)
class Planned:
    """A servable, and what its stages are, by their index."""

    servable: Servable
    chains: Mapping[int, Chain]
    models: Mapping[int, Model]

    def lane_of_functions(self) -> tuple[Lane, ...]:
        """The one lane of all Python functions, if there are any; as wide as the most patient of them wants it."""
        stages = tuple(self.chains)
        if any(chain.awaits for chain in self.chains.values()):
            return (Lane(stages, _SLOTS_AWAITING, concurrent=True),)
        if any(chain.yields for chain in self.chains.values()):
            return (Lane(stages, _SLOTS_YIELDING, concurrent=True),)
        return (Lane(stages),) if stages else ()


@dataclass
class _Making:
    """A servable in the making."""

    stages: list[StageSpec] = field(default_factory=list)
    chains: dict[int, Chain] = field(default_factory=dict)
    models: dict[Model, int] = field(default_factory=dict)


def planned(name: str, version: int, graphs: Sequence[Graph], models: Models) -> Planned:
    """The servable that has these methods, and a hidden one for each model, for calls from inside functions."""
    making = _Making()
    keys = model_keys(models)
    for model, ports in models.items():
        making.models[model] = len(making.stages)
        making.stages.append(StageSpec(keys[model], ports.inputs, ports.outputs, ports.unbatched, ports.policy))
    methods = [_method(making, graph) for graph in graphs]
    methods += [_hidden(index, making.stages[index]) for index in making.models.values()]
    servable = Servable(name, version, "python", tuple(methods), tuple(making.stages))
    return Planned(servable, making.chains, {index: model for model, index in making.models.items()})


def model_keys(models: Iterable[Model]) -> dict[Model, str]:
    """The name of every model's stage: its path, numbered where a file is declared more than once."""
    keys: dict[Model, str] = {}
    seen: dict[str, int] = {}
    for model in models:
        seen[model.path] = seen.get(model.path, 0) + 1
        keys[model] = model.path if seen[model.path] == 1 else f"{model.path}#{seen[model.path]}"
    return keys


def hidden_method(key: str) -> str:
    """The name under which a running function calls the model of this stage."""
    return f"@call_{key}_0"


def _hidden(index: int, stage: StageSpec) -> Method:
    inputs = tuple(replace(port, name=f"x{number}") for number, port in enumerate(stage.inputs))
    outputs = tuple(replace(port, name=f"y{number}") for number, port in enumerate(stage.outputs))
    step = Step(index, tuple(Input(number) for number in range(len(inputs))))
    plan = Plan((step,), tuple(StepOutput(0, number) for number in range(len(outputs))))
    return Method(hidden_method(stage.name), Contract(inputs, outputs, stage.unbatched is None), plan)


def _method(making: _Making, graph: Graph) -> Method:
    steps: list[Step] = []
    found: dict[Source, Source] = {Input(index): Input(index) for index in range(len(graph.inputs))}
    for group in groups(graph):
        stage, takes, gives = _stage(making, graph, group)
        found |= {value: StepOutput(len(steps), number) for number, value in enumerate(gives)}
        steps.append(Step(stage, tuple(found[source] for source in takes)))
    plan = Plan(tuple(steps), tuple(found[source] for source in graph.sources))
    contract = Contract(graph.inputs, graph.outputs, carries_rows(plan, making.stages))
    return Method(graph.name, contract, plan, graph.sequence)


def _stage(making: _Making, graph: Graph, group: Sequence[int]) -> tuple[int, Sequence[Source], Sequence[Source]]:
    """The index of a step's stage, and which values of the method it takes and gives."""
    node = graph.nodes[group[0]]
    if isinstance(node.target, Model):
        takes = [each for each in node.arguments if not isinstance(each, Constant)]
        return making.models[node.target], takes, [StepOutput(group[0], each) for each in range(len(node.gives))]
    placed, index = chain_of(graph, group), len(making.stages)
    making.stages.append(placed.spec)
    making.chains[index] = placed.chain
    return index, placed.takes, placed.gives
