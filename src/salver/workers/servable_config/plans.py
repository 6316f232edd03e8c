"""From traced methods to stages and plans: neighbouring functions become one stage, a model is one for all methods."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from salver.authoring.mindspore.definitions import (
    FunctionStage,
    MethodDefinition,
    ModelStage,
    PipelineDefinition,
    Placeholder,
    StageUse,
)
from salver.authoring.spec import Contract, Input, Method, Plan, Policy, Port, StageSpec, Step, StepOutput, one_stage
from salver.workers.servable_config.calls import call_method
from salver.workers.servable_config.functions import BatchFunction, FunctionChain, Link, Site
from salver.workers.servable_config.graphs import DEFAULT_BATCH, Graph, policy
from salver.workers.servable_config.pipelines import PipelineRun, stage_of
from salver.workers.stage import Stage

Source = Input | StepOutput
GraphKey = tuple[str, int]


class Stages:
    """The servable's stages, as they are found; `code` is that of the functions, `pipelines` that of the pipelines."""

    def __init__(self, graphs: Mapping[GraphKey, Graph]) -> None:
        self.graphs = graphs
        self.specs: list[StageSpec] = [graph.stage() for graph in graphs.values()]
        self.of_graph = {key: index for index, key in enumerate(graphs)}
        self.code: dict[int, Stage] = {}
        self.pipelines: dict[int, Stage] = {}

    def add(self, spec: StageSpec, code: Stage) -> int:
        """A stage of functions; gives its index."""
        self.specs.append(spec)
        self.code[len(self.specs) - 1] = code
        return len(self.specs) - 1

    def add_pipeline(self, pipeline: PipelineDefinition) -> Method:
        """The stage of a pipeline; gives its method."""
        index, spec = len(self.specs), stage_of(pipeline)
        self.specs.append(spec)
        self.pipelines[index] = PipelineRun(pipeline)
        return one_stage(pipeline.name, spec, index)


@dataclass(frozen=True)
class _Member:
    """A function of a method, and its place among the method's stages, counted from 1."""

    index: int
    use: FunctionStage


class MethodPlanner:
    """Makes one method's plan, and adds its stages of functions."""

    def __init__(self, method: MethodDefinition, stages: Stages) -> None:
        self._method = method
        self._stages = stages
        self._steps: list[Step] = []
        self._sources: dict[Placeholder, Source] = {
            Placeholder(0, index): Input(index) for index in range(len(method.inputs))
        }

    def planned(self) -> Method:
        """The method, with its contract."""
        chain: list[_Member] = []
        for index, use in enumerate(self._method.stages, start=1):
            if isinstance(use, FunctionStage) and use.batch_size is None:
                chain.append(_Member(index, use))
                continue
            self._add_chain(chain)
            chain = []
            if isinstance(use, FunctionStage):
                self._add_batch_function(_Member(index, use))
            else:
                self._add_step(self._stages.of_graph[use.model_key, use.subgraph], use.inputs, _outputs(index, use))
        self._add_chain(chain)
        outputs = tuple(self._sources[value] for value in self._method.returns)
        return Method(self._method.name, contract_of(self._method, self._stages), Plan(tuple(self._steps), outputs))

    def _add_chain(self, members: Sequence[_Member]) -> None:
        if not members:
            return
        inner = [value for member in members for value in _outputs(member.index, member.use)]
        inputs = _distinct(value for member in members for value in member.use.inputs if value not in inner)
        slots = {value: slot for slot, value in enumerate([*inputs, *inner])}
        outputs = self._needed(inner, members[-1])
        links = [Link(self._site(member), [slots[value] for value in member.use.inputs]) for member in members]
        code = FunctionChain(links, [slots[value] for value in outputs])
        self._add_functions(members, inputs, outputs, code, policy(DEFAULT_BATCH, row_by_row=True))

    def _add_batch_function(self, member: _Member) -> None:
        use = member.use
        batch = use.batch_size or max(DEFAULT_BATCH, self._model_batch(use))
        outputs = _outputs(member.index, use)
        self._add_functions([member], use.inputs, outputs, BatchFunction(self._site(member)), policy(batch))

    def _add_functions(
        self,
        members: Sequence[_Member],
        inputs: Sequence[Placeholder],
        outputs: Sequence[Placeholder],
        code: Stage,
        batching: Policy,
    ) -> None:
        name = f"{self._method.name}.{'+'.join(member.use.key.rpartition('.')[2] for member in members)}"
        spec = StageSpec(name, self._ports(inputs), self._ports(outputs), None, batching)
        self._add_step(self._stages.add(spec, code), inputs, outputs)

    def _add_step(self, stage: int, inputs: Sequence[Placeholder], outputs: Sequence[Placeholder]) -> None:
        self._steps.append(Step(stage, tuple(self._sources[value] for value in inputs)))
        step = len(self._steps) - 1
        self._sources |= {value: StepOutput(step, output) for output, value in enumerate(outputs)}

    def _needed(self, inner: Sequence[Placeholder], last: _Member) -> list[Placeholder]:
        """What of a chain is used after it; a chain that is run for its effects alone gives its last outputs."""
        later = [value for use in self._method.stages[last.index :] for value in use.inputs]
        used = {*later, *self._method.returns}
        return [value for value in inner if value in used] or _outputs(last.index, last.use)

    def _model_batch(self, use: FunctionStage) -> int:
        """How many instances the method's models take: the fewest where the function comes first, else the most."""
        batches = [
            self._stages.graphs[each.model_key, each.subgraph].batch
            for each in self._method.stages
            if isinstance(each, ModelStage)
        ]
        first = all(value.stage == 0 for value in use.inputs)
        return (min if first else max)(batches, default=1)

    def _site(self, member: _Member) -> Site:
        return Site(member.use, self._method.name, member.index)

    def _ports(self, values: Sequence[Placeholder]) -> tuple[Port, ...]:
        return tuple(Port(self._name(value), None, None) for value in values)

    def _name(self, value: Placeholder) -> str:
        return f"{value.stage}.{value.output}" if value.stage else self._method.inputs[value.output]


def contract_of(method: MethodDefinition, stages: Stages) -> Contract:
    """Typed where a value is directly a model's; one row is one instance."""
    inputs = tuple(_typed(name, _fed(method, stages, index)) for index, name in enumerate(method.inputs))
    outputs = tuple(
        _typed(name, _given(method, stages, value)) for name, value in zip(method.outputs, method.returns, strict=True)
    )
    return Contract(inputs, outputs, True)


def call_method_of(key: GraphKey, stages: Stages) -> Method:
    """The hidden method that is nothing but one subgraph of a model."""
    graph = stages.graphs[key]
    inputs = tuple(_typed(f"x{index}", [port]) for index, port in enumerate(graph.inputs))
    outputs = tuple(_typed(f"y{index}", [port]) for index, port in enumerate(graph.outputs))
    step = Step(stages.of_graph[key], tuple(Input(index) for index in range(len(inputs))))
    plan = Plan((step,), tuple(StepOutput(0, index) for index in range(len(outputs))))
    return Method(call_method(*key), Contract(inputs, outputs, True), plan)


def _outputs(index: int, use: StageUse) -> list[Placeholder]:
    return [Placeholder(index, output) for output in range(use.outputs_count)]


def _distinct(values: Iterable[Placeholder]) -> list[Placeholder]:
    return list(dict.fromkeys(values))


def _fed(method: MethodDefinition, stages: Stages, index: int) -> list[Port]:
    """The inputs of models that get this input of the method as it is."""
    value = Placeholder(0, index)
    return [
        stages.graphs[use.model_key, use.subgraph].inputs[position]
        for use in method.stages
        if isinstance(use, ModelStage)
        for position, each in enumerate(use.inputs)
        if each == value
    ]


def _given(method: MethodDefinition, stages: Stages, value: Placeholder) -> list[Port]:
    """The output of a model that this value is, if it is one."""
    if value.stage == 0:
        return _fed(method, stages, value.output)
    use = method.stages[value.stage - 1]
    if not isinstance(use, ModelStage):
        return []
    return [stages.graphs[use.model_key, use.subgraph].outputs[value.output]]


def _typed(name: str, ports: Sequence[Port]) -> Port:
    """A port of this type, if all of them agree on it."""
    types = {(port.dtype, port.dims) for port in ports}
    dtype, dims = types.pop() if len(types) == 1 else (None, None)
    return Port(name, dtype, dims)
