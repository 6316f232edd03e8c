"""`salver.stage`, `salver.function` and `salver.method`: Python functions as parts of a servable."""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, TypeVar, overload

from salver.authoring.options import number_option
from salver.authoring.places import place_of, place_of_caller
from salver.authoring.signatures import Results, Signature, read_signature
from salver.authoring.spec import Policy
from salver.authoring.tracing import Constant, Node, Source, Trace, Value, current_trace, has_values
from salver.problems import Unusable

F = TypeVar("F", bound=Callable[..., Any])
Example = Mapping[str, Any]


class Function:
    """A Python function that runs row by row, or over a batch. Called outside of a method it is that function."""

    def __init__(self, plain: Callable[..., Any], row_by_row: bool, policy: Policy, example: Example | None) -> None:
        functools.update_wrapper(self, plain)
        self.plain = plain
        self.row_by_row = row_by_row
        self.policy = policy
        self.example = example
        self.name: str = plain.__name__

    @functools.cached_property
    def signature(self) -> Signature:
        """What it takes and gives. Raises Unusable."""
        return read_signature(self.plain)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        trace = current_trace()
        if trace is None or not has_values(arguments, keywords):
            return self.plain(*arguments, **keywords)
        given = self._given(trace, arguments, keywords)
        values = trace.add(node_of(self, given))
        return _as_results(self.signature.results, values)

    def __get__(self, instance: object, _owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def bound(self, instance: object) -> "Function":
        """The same as a method of this object."""
        return Function(MethodType(self.plain, instance), self.row_by_row, self.policy, self.example)

    def _given(self, trace: Trace, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> list[Source | Constant]:
        signature = inspect.signature(self.plain)
        inputs = [each for name, each in signature.parameters.items() if name != self.signature.context]
        try:
            bound = signature.replace(parameters=inputs).bind(*arguments, **keywords)
        except TypeError as error:
            remedy = f"call it with its inputs: {self.name}{signature.replace(parameters=inputs)}"
            raise Unusable(place_of_caller(), f"calls '{self.name}' wrongly: {error}", remedy) from None
        bound.apply_defaults()
        return [trace.argument(value, name) for name, value in bound.arguments.items()]


class Traced:
    """A method: a Python function that connects stages. Called outside of a server it just runs."""

    def __init__(self, plain: Callable[..., Any], example: Example | None) -> None:
        functools.update_wrapper(self, plain)
        self.plain = plain
        self.example = example
        self.name: str = plain.__name__

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.plain(*arguments, **keywords)


def node_of(function: Function, arguments: list[Source | Constant]) -> Node:
    """One use of a function, by the line that is being run."""
    signature = function.signature
    takes = tuple(parameter.port for parameter in signature.parameters)
    return Node(function, tuple(arguments), takes, signature.results.ports, place_of_caller())


@overload
def stage(function: F, /) -> F: ...
@overload
def stage(
    *, max_batch_size: int = 32, max_wait_ms: float = 0, isolate_rows: bool = True, example: Example | None = None
) -> Callable[[F], F]: ...
def stage(
    function: Callable[..., Any] | None = None,
    /,
    *,
    max_batch_size: int = 32,
    max_wait_ms: float = 0,
    isolate_rows: bool = True,
    example: Example | None = None,
) -> Any:
    """A function that is run for one row after the other; annotations say what one row is.

    A row for which it raises fails by itself. With `yield` it answers a row by a sequence of items; with
    `async def` many rows are run at once.
    """
    policy = _policy(max_batch_size, max_wait_ms, isolate_rows, row_by_row=True)
    return _decorated(function, lambda plain: Function(_checked(plain, "salver.stage"), True, policy, example))


@overload
def function(function: F, /) -> F: ...
@overload
def function(
    *, max_batch_size: int = 64, max_wait_ms: float = 0, isolate_rows: bool = True, example: Example | None = None
) -> Callable[[F], F]: ...
def function(
    function: Callable[..., Any] | None = None,
    /,
    *,
    max_batch_size: int = 64,
    max_wait_ms: float = 0,
    isolate_rows: bool = True,
    example: Example | None = None,
) -> Any:
    """A function over a batch; annotations say what one row is.

    Arrays come, and are given back, with a leading dimension that counts the rows; text is a list. It is a method
    by itself unless a method uses it. When it raises, its halves are run again to find the row at fault, unless
    `isolate_rows` is false.
    """
    policy = _policy(max_batch_size, max_wait_ms, isolate_rows, row_by_row=False)
    return _decorated(function, lambda plain: Function(_checked(plain, "salver.function"), False, policy, example))


@overload
def method(function: F, /) -> F: ...
@overload
def method(*, example: Example | None = None) -> Callable[[F], F]: ...
def method(function: Callable[..., Any] | None = None, /, *, example: Example | None = None) -> Any:
    """What callers call: it connects stages and models, and is traced once, when the servable is loaded.

    `example` is one row of inputs by name, which a dry run uses.
    """
    return _decorated(function, lambda plain: Traced(_checked(plain, "salver.method"), example))


def row_function(plain: Callable[..., Any]) -> Function:
    """What a public method of a servable class is unless it is decorated."""
    return Function(plain, True, Policy(row_by_row=True), None)


def _decorated(plain: Callable[..., Any] | None, make: Callable[[Callable[..., Any]], Any]) -> Any:
    return make if plain is None else make(plain)


def _checked(plain: Any, decorator: str) -> Callable[..., Any]:
    if isinstance(plain, Function | Traced):
        what = f"has two of salver's decorators on '{plain.name}'"
        raise Unusable(place_of(plain.plain), what, f"keep @{decorator} or the other one")
    if isinstance(plain, staticmethod | classmethod):
        kind = type(plain).__name__
        raise Unusable(place_of_caller(), f"puts @{decorator} on a {kind}", f"put @{kind} above @{decorator}")
    if not callable(plain) or not inspect.isroutine(inspect.unwrap(plain)):
        what = f"puts @{decorator} on a {type(plain).__name__}"
        raise Unusable(place_of_caller(), what, "put it on a function that `def` defines")
    checked: Callable[..., Any] = plain
    return checked


def _policy(max_batch_size: int, max_wait_ms: float, isolate_rows: bool, row_by_row: bool) -> Policy:
    size = number_option("max_batch_size", max_batch_size, 1, whole=True)
    return Policy(int(size), float(number_option("max_wait_ms", max_wait_ms, 0)), row_by_row, bool(isolate_rows))


def _as_results(results: Results, values: tuple[Value, ...]) -> Any:
    """The values in the form in which the function gives its results."""
    if results.form == "one":
        return values[0]
    if results.form == "tuple":
        return values
    named = dict(zip((port.name for port in results.ports), values, strict=True))
    if typing.is_typeddict(results.type):
        return named
    holder: type[Any] = results.type
    if not dataclasses.is_dataclass(holder):
        return holder(**named)
    made = object.__new__(holder)  # without its __init__, which may look into the values
    for name, value in named.items():
        object.__setattr__(made, name, value)
    return made
