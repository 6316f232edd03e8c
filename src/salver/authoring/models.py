"""`salver.model`: a model file as a part of a servable."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from salver.authoring.options import number_option
from salver.authoring.places import Place, place_of_caller
from salver.authoring.spec import Policy
from salver.authoring.tracing import Constant, Node, Source, Trace, current_trace
from salver.problems import Unusable

Batching = Literal["auto"] | bool


class Runner(Protocol):
    """Runs a model for a stage that is running itself."""

    def one(self, arguments: tuple[Any, ...]) -> Any: ...
    def batch(self, arguments: tuple[Any, ...]) -> Any: ...


@dataclass(eq=False)
class Model:
    """A model. Called in a method it is one of its stages; called in a running stage it is run for one row."""

    path: str
    policy: Policy
    batching: Batching
    instances: int | None
    options: Mapping[str, Any]
    place: Place
    runner: Runner | None = None

    @property
    def name(self) -> str:
        return self.path

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        trace = current_trace()
        if trace is None:
            return self._running("one", inputs, named)
        values = trace.add(self._node(trace, inputs, named))
        return values[0] if len(values) == 1 else values

    def batch(self, *inputs: Any) -> Any:
        """Run it for many rows at once: arrays with a leading dimension, lists of text; gives the same."""
        if current_trace() is not None:
            what = f"calls '{self.path}' over a batch in a method"
            raise Unusable(place_of_caller(), what, "call it as a function; rows are brought together anyway")
        return self._running("batch", inputs, {})

    def _running(self, how: Literal["one", "batch"], inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        if named:
            raise TypeError(f"the model '{self.path}' takes its inputs in their order, without names")
        if self.runner is None:
            raise Unusable(
                place_of_caller(),
                f"calls the model '{self.path}', which only a method or a running stage can do",
                "declare models at the top of a servable's file, and call them while `salver serve` serves it",
            )
        return getattr(self.runner, how)(inputs)

    def _node(self, trace: Trace, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Node:
        if self not in trace.models:
            what = f"calls the model '{self.path}', which is not declared in this servable's files"
            raise Unusable(place_of_caller(), what, "declare it with salver.model at the top of the file")
        ports = trace.models[self]
        given = dict(zip((port.name for port in ports.inputs), inputs, strict=False))
        given.update(named)
        if len(inputs) + len(named) != len(ports.inputs) or given.keys() != {port.name for port in ports.inputs}:
            expected = ", ".join(map(str, ports.inputs))
            what = f"calls the model '{self.path}' with {len(inputs) + len(named)} inputs"
            raise Unusable(place_of_caller(), what, f"it takes {len(ports.inputs)}: {expected}")
        arguments = tuple(self._argument(trace, port.name, given[port.name]) for port in ports.inputs)
        return Node(self, arguments, ports.inputs, ports.outputs, place_of_caller(), ports.unbatched)

    def _argument(self, trace: Trace, name: str, given: object) -> Source | Constant:
        source = trace.argument(given, name)
        if isinstance(source, Constant):
            what = f"gives the model '{self.path}' something that is the same for every row as '{name}'"
            raise Unusable(place_of_caller(), what, "let a function decorated with @salver.stage give it")
        return source


_declared: ContextVar[list[Model] | None] = ContextVar("salver_models", default=None)


@contextmanager
def declaring() -> Iterator[list[Model]]:
    """While it lasts, every model that is declared is put into this list."""
    models: list[Model] = []
    token = _declared.set(models)
    try:
        yield models
    finally:
        _declared.reset(token)


def model(
    path: str,
    *,
    max_batch_size: int = 32,
    max_wait_ms: float = 0,
    batching: Batching = "auto",
    instances: int | None = None,
    **options: Any,
) -> Model:
    """A model file beside the servable's file, or in its version folder; any format that a runtime runs.

    `batching` is whether rows may run together; "auto" finds out when it is loaded. `instances` is how many run at
    once. Everything else is an option of the runtime, such as `threads` for ONNX.
    """
    place = place_of_caller()
    if batching not in ("auto", True, False):
        raise Unusable(place, f"says batching={batching!r}", 'write True, False or "auto"')
    if instances is not None:
        number_option("instances", instances, 1, whole=True)
    size = number_option("max_batch_size", max_batch_size, 1, whole=True)
    policy = Policy(int(size), number_option("max_wait_ms", max_wait_ms, 0))
    made = Model(str(path), policy, batching, instances, options, place)
    declared = _declared.get()
    if declared is not None:
        declared.append(made)
    return made
