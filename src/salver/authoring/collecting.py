"""What of a servable's file is served: its methods, functions and classes, in the order of their definition."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from salver.authoring.functions import Function, Traced, row_function
from salver.authoring.options import Options, servable_options
from salver.authoring.places import place_of
from salver.problems import Unusable

LIFE = ("setup", "warm_up", "close")


@dataclass(frozen=True)
class Collected:
    """`parts` are what methods come from. Functions among them are none if a method uses them."""

    parts: tuple[Traced | Function | type, ...]
    options: Options | None


def collected(names: Mapping[str, Any]) -> Collected:
    """Go through a module's names. Raises Unusable for options that disagree."""
    parts: dict[int, Traced | Function | type] = {}
    said: list[Options] = []
    for thing in names.values():
        of_class = servable_options(thing)
        if isinstance(thing, Traced) or (isinstance(thing, Function) and not thing.row_by_row) or of_class:
            parts.setdefault(id(thing), thing)
        if isinstance(thing, Options) or of_class:
            said.append(of_class or thing)
    options = None
    for each in said:
        options = each if options is None else options.joined(each)
    return Collected(tuple(parts.values()), options)


def check_class(servable: type) -> None:
    """Raises Unusable for a class of which a worker could not have an instance, or whose life would not begin."""
    try:
        inspect.signature(servable).bind()
    except TypeError as error:
        what = f"the class {servable.__name__} cannot be made without arguments: {error}"
        raise Unusable(
            place_of(servable), what, "let __init__ take none; `setup(self, device)` is told the device"
        ) from None
    for name in LIFE:
        code = getattr(servable, name, None)
        if inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code):
            what = f"`{name}` of the class {servable.__name__} is asynchronous, but there is no event loop then"
            raise Unusable(place_of(code), what, "write a plain `def`")


def methods_of(instance: object) -> list[Function]:
    """The methods that a servable object has: all public ones, those of base classes first. Raises Unusable.

    Static methods and those of the class are among them.
    """
    found: dict[str, Any] = {}
    for base in reversed(type(instance).__mro__[:-1]):
        for name, thing in vars(base).items():
            if not name.startswith("_") and name not in LIFE:
                found[name] = thing
    functions: list[Function] = []
    for name, thing in found.items():
        if isinstance(thing, Traced):
            what = f"'{name}' of the class {type(instance).__name__} is decorated with @salver.method"
            raise Unusable(place_of(thing.plain), what, "put it beside the class, as a function")
        function, owner = _unbound(thing, instance)
        if isinstance(function, FunctionType):
            function = row_function(function)
        if isinstance(function, Function):
            functions.append(function if owner is None else function.bound(owner))
    return functions


def _unbound(thing: object, instance: object) -> tuple[object, object | None]:
    """What a class has under a name, without how it is bound, and what it is to be bound to."""
    if isinstance(thing, staticmethod):
        return thing.__func__, None
    if isinstance(thing, classmethod):
        return thing.__func__, type(instance)
    return thing, instance
