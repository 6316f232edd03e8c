"""A function's parameters and results as ports."""

import dataclasses
import inspect
import types
import typing
from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from salver.authoring.context import Context
from salver.authoring.contracts import Meaning, Meaningless, meaning, unwrapped
from salver.authoring.places import Place, place_of
from salver.authoring.spec import Port
from salver.problems import Unusable

Flow = Literal["returns", "yields", "awaits", "awaits and yields"]

_ITERABLES = (abc.Iterator, abc.Iterable, abc.Generator, abc.AsyncIterator, abc.AsyncIterable, abc.AsyncGenerator)


class Missing(Enum):
    """What a parameter has where it has no default value."""

    MISSING = "missing"


MISSING = Missing.MISSING


@dataclass(frozen=True)
class Parameter:
    """An input of a function."""

    name: str
    meaning: Meaning
    default: Any = MISSING
    keyword_only: bool = False

    @property
    def port(self) -> Port:
        return self.meaning.port(self.name, self.default is not MISSING)


@dataclass(frozen=True)
class Results:
    """What a function gives for one row: one value, a tuple, or values by name, which `type` may hold."""

    ports: tuple[Port, ...]
    meanings: tuple[Meaning, ...]
    form: Literal["one", "tuple", "named"]
    type: Any = None


@dataclass(frozen=True)
class Signature:
    """What a function takes and gives; `context` is the parameter that is none of the inputs, or None."""

    place: Place
    parameters: tuple[Parameter, ...]
    results: Results
    flow: Flow
    context: str | None = None
    context_place: int | None = None
    """Where among the positional parameters the context is; None if it is given by name."""
    annotated: bool = False
    """Whether it says what it gives."""


def flow_of(function: Callable[..., Any]) -> Flow:
    """How a function gives its results."""
    function = inspect.unwrap(function)
    if inspect.isasyncgenfunction(function):
        return "awaits and yields"
    if inspect.iscoroutinefunction(function):
        return "awaits"
    return "yields" if inspect.isgeneratorfunction(function) else "returns"


def read_signature(function: Callable[..., Any], sequences: bool | None = None) -> Signature:
    """Read what a function says of itself; what is bound already is no parameter.

    `sequences` says that the result annotation may be that of an iterator, None that this is as the function's flow.
    Raises Unusable naming the function's place.
    """
    place, flow = place_of(function), flow_of(function)
    hints = _Hints(function, place)
    parameters: list[Parameter] = []
    context: str | None = None
    context_place: int | None = None
    for place_of_it, each in enumerate(inspect.signature(function).parameters.values()):
        if _is_context(each, hints):
            context = each.name
            context_place = None if each.kind is inspect.Parameter.KEYWORD_ONLY else place_of_it
        else:
            parameters.append(_parameter(each, hints))
    annotation = hints.of("return")
    yields = sequences if sequences is not None else "yields" in flow
    with_results = _results(annotation, hints, yields, must="yields" in flow)
    return Signature(
        place,
        tuple(parameters),
        with_results,
        flow,
        context,
        context_place,
        annotation is not inspect.Parameter.empty,
    )


def annotation_of(function: Callable[..., Any], name: str) -> Any:
    """What a parameter is annotated with, or `inspect.Parameter.empty`. Raises Unusable if it cannot be read."""
    return _Hints(function, place_of(function)).of(name)


class _Hints:
    """A function's annotations, of which those that are text are read one by one, so that errors can name them."""

    def __init__(self, function: Callable[..., Any], place: Place) -> None:
        self.name = getattr(function, "__name__", str(function))
        self.place = place
        plain = inspect.unwrap(function)
        self._function = getattr(plain, "__func__", plain)
        try:
            self._annotations: Mapping[str, Any] = getattr(self._function, "__annotations__", {})
        except NameError as error:
            raise self.problem("an annotation", f"cannot be read: {error}", _unread(error)) from None

    def of(self, name: str) -> Any:
        """The annotation, or `inspect.Parameter.empty`."""
        annotation = self._annotations.get(name, inspect.Parameter.empty)
        return self.evaluated(name, annotation, getattr(self._function, "__globals__", {}))

    def evaluated(self, name: str, annotation: Any, names: Mapping[str, Any]) -> Any:
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, dict(names), self._enclosed())
        except Exception as error:
            what = f"says '{annotation}', which cannot be read: {error}"
            raise self.problem(_quoted(name), what, _unread(error)) from None

    def problem(self, value: str, what: str, remedy: str) -> Unusable:
        return Unusable(self.place, f"{value} of {self.name}() {what}", remedy)

    def meaning(self, name: str, annotation: Any, optional: bool = False) -> Meaning:
        if annotation is inspect.Parameter.empty:
            return Meaning()
        try:
            return meaning(annotation, optional)
        except Meaningless as error:
            raise self.problem(_quoted(name), f"is annotated, but {error.what}", error.remedy) from None

    def _enclosed(self) -> dict[str, Any]:
        code, cells = getattr(self._function, "__code__", None), getattr(self._function, "__closure__", None)
        if code is None or not cells:
            return {}
        return {name: cell.cell_contents for name, cell in zip(code.co_freevars, cells, strict=True)}


def _quoted(name: str) -> str:
    return "the result" if name == "return" else f"'{name}'"


def _unread(error: Exception) -> str:
    if isinstance(error, NameError):
        return "import or define that name at the top of the file, outside of `if TYPE_CHECKING`"
    return "mend the annotation"


def _is_context(parameter: inspect.Parameter, hints: _Hints) -> bool:
    annotation = hints.of(parameter.name)
    if annotation is inspect.Parameter.empty:
        return parameter.name == "context"
    members = typing.get_args(annotation) or (annotation,)
    return any(isinstance(member, type) and issubclass(member, Context) for member in members)


def _parameter(parameter: inspect.Parameter, hints: _Hints) -> Parameter:
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        remedy = "name every input"
        raise hints.problem(f"'{parameter}'", "takes any number of inputs, but a contract has a fixed one", remedy)
    default = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
    meant = hints.meaning(parameter.name, hints.of(parameter.name), optional=default is None)
    if meant.foreign:
        what = "is annotated as an array of another library, but salver gives numpy arrays"
        raise hints.problem(_quoted(parameter.name), what, "write np.ndarray in its place, and convert it inside")
    return Parameter(parameter.name, meant, default, parameter.kind is inspect.Parameter.KEYWORD_ONLY)


def _results(annotation: Any, hints: _Hints, yields: bool, must: bool) -> Results:
    annotation = unwrapped(annotation)
    if yields and annotation is not inspect.Parameter.empty:
        annotation = _item(annotation, hints, must)
    if annotation is None or annotation is types.NoneType:
        raise hints.problem("the result", "is annotated as None, but a method answers something", "return its outputs")
    if typing.get_origin(annotation) is tuple:
        return _tuple(typing.get_args(annotation), hints)
    fields = _fields(annotation, hints)
    if fields is None:
        meant = hints.meaning("return", annotation)
        return Results((meant.port("output"),), (meant,), "one")
    meanings = tuple(hints.meaning(name, each) for name, each in fields.items())
    ports = tuple(each.port(name) for name, each in zip(fields, meanings, strict=True))
    return Results(ports, meanings, "named", annotation)


def _item(annotation: Any, hints: _Hints, must: bool) -> Any:
    """What one item of a sequence is."""
    origin = typing.get_origin(annotation)
    if origin in _ITERABLES:
        return unwrapped(typing.get_args(annotation)[0])
    if must:
        remedy = (
            "write Iterator[str], or AsyncIterator[str] after `async def`, with what one item is in the place of str"
        )
        raise hints.problem("the result", "is a sequence, because it yields, but is not annotated as one", remedy)
    return annotation


def _tuple(members: tuple[Any, ...], hints: _Hints) -> Results:
    if not members or Ellipsis in members:
        raise hints.problem(
            "the result", "is a tuple of any length", "write what it holds, as in tuple[str, np.float32]"
        )
    meanings = tuple(hints.meaning("return", member) for member in members)
    ports = tuple(each.port(f"output_{index}") for index, each in enumerate(meanings))
    return Results(ports, meanings, "tuple")


def _fields(annotation: Any, hints: _Hints) -> dict[str, Any] | None:
    """The annotations by name of a dataclass, TypedDict or NamedTuple; None for all other types."""
    if not isinstance(annotation, type):
        return None
    named = issubclass(annotation, tuple) and hasattr(annotation, "_fields")
    if not (dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation) or named):
        return None
    names = vars(inspect.getmodule(annotation) or typing)
    found = annotation.__annotations__
    if dataclasses.is_dataclass(annotation):
        found = {field.name: field.type for field in dataclasses.fields(annotation)}
    if not found:
        raise hints.problem("the result", f"is {annotation.__name__}, which has no fields", "name its outputs there")
    return {name: hints.evaluated(name, _unquoted(each), names) for name, each in found.items()}


def _unquoted(annotation: Any) -> Any:
    return annotation.__forward_arg__ if isinstance(annotation, typing.ForwardRef) else annotation
