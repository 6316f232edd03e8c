"""How a method becomes a graph: it is called once with values that only remember where they come from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from salver.authoring.places import Place, place_of_caller
from salver.authoring.spec import Input, Policy, Port, StepOutput
from salver.problems import Unusable

if TYPE_CHECKING:
    from salver.authoring.functions import Function
    from salver.authoring.models import Model

Source = Input | StepOutput


@dataclass(frozen=True)
class Constant:
    """An argument that is the same for every row."""

    value: Any


@dataclass(frozen=True)
class Node:
    """One use of a function or a model; `arguments` are as many as its parameters, in their order.

    `unbatched` is why rows of a model do not run together, or None.
    """

    target: "Function | Model"
    arguments: tuple[Source | Constant, ...]
    takes: tuple[Port, ...]
    gives: tuple[Port, ...]
    place: Place
    unbatched: str | None = None


@dataclass(frozen=True)
class ModelPorts:
    """A model's inputs and outputs for one row; `unbatched` is why rows do not run together, or None if they do."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    unbatched: str | None
    policy: Policy


@dataclass
class Trace:
    """A method while it is traced: what it called so far."""

    method: str
    place: Place
    inputs: tuple[Port, ...]
    models: Mapping["Model", ModelPorts]
    nodes: list[Node] = field(default_factory=list)

    def add(self, node: Node) -> tuple["Value", ...]:
        """Note one use of a stage; gives its outputs."""
        self.nodes.append(node)
        index = len(self.nodes) - 1
        name = f"a result of '{node.target.name}'" if len(node.gives) > 1 else f"the result of '{node.target.name}'"
        return tuple(Value(self, StepOutput(index, output), name) for output in range(len(node.gives)))

    def port(self, source: Source) -> Port:
        """What is declared of a value."""
        if isinstance(source, Input):
            return self.inputs[source.index]
        return self.nodes[source.step].gives[source.output]

    def argument(self, given: object, parameter: str) -> Source | Constant:
        """A stage's argument as a part of the graph. Raises Unusable for what cannot be one."""
        if isinstance(given, Value):
            if given.trace is not self:
                raise _unusable("uses a value of another method", "pass only what this method gets or computes")
            return given.source
        if _holds_values(given):
            what = f"gives '{parameter}' several values in one {type(given).__name__}"
            raise _unusable(what, "give them one by one, as arguments of their own")
        return Constant(given)


_current: ContextVar[Trace | None] = ContextVar("salver_trace", default=None)


def current_trace() -> Trace | None:
    """The method that is being traced here, if one is."""
    return _current.get()


@contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """While it lasts, stages that are called become nodes of this trace."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


def _unusable(what: str, remedy: str) -> Unusable:
    return Unusable(place_of_caller(), what, remedy)


def has_values(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Whether a call is one that a trace should note."""
    return any(isinstance(each, Value) or _holds_values(each) for each in (*arguments, *keywords.values()))


def _holds_values(given: object) -> bool:
    if isinstance(given, dict):
        return any(isinstance(each, Value) for each in given.values())
    return isinstance(given, list | tuple | set) and any(isinstance(each, Value) for each in given)


def _refusal(doing: str) -> Callable[..., NoReturn]:
    def refuse(self: "Value", *_: object, **__: object) -> NoReturn:
        what = f"{doing} {self.name}, which is known only when a request comes: a method only connects stages"
        raise _unusable(what, "do it in a function decorated with @salver.stage, and call that here")

    return refuse


class Value:
    """What a method gets or a stage gives, while the method is traced: it can be handed on and nothing else."""

    def __init__(self, trace: Trace, source: Source, name: str) -> None:
        self.trace = trace
        self.source = source
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __iter__(self) -> NoReturn:
        what = f"takes {self.name} apart, which is one value"
        remedy = "use it as one; a function gives several by the annotation -> tuple[..., ...]"
        raise _unusable(what, remedy)

    def __getattr__(self, attribute: str) -> NoReturn:
        if attribute.startswith("__") and attribute.endswith("__"):
            raise AttributeError(attribute)
        _refusal(f"asks for '{attribute}' of")(self)

    __hash__ = object.__hash__

    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _refusal("decides by")
    __len__ = __getitem__ = _refusal("looks into")
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = _refusal("computes with")
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refusal("computes with")
    __pow__ = __rpow__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _refusal("computes with")
    __neg__ = __pos__ = __abs__ = __invert__ = __lshift__ = __rshift__ = __round__ = _refusal("computes with")
    __int__ = __float__ = __index__ = __complex__ = __str__ = __bytes__ = __format__ = _refusal("converts")
    __array__ = __array_ufunc__ = __array_function__ = _refusal("computes by numpy with")
    __setitem__ = __delitem__ = _refusal("changes")
    __call__ = _refusal("calls")
    __await__ = __aiter__ = __enter__ = _refusal("waits for")
