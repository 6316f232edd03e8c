"""From the values of a chain to the arguments of its functions."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from salver.authoring.chains import Call
from salver.authoring.context import InvalidInput
from salver.authoring.contracts import Meaning
from salver.authoring.signatures import Parameter
from salver.authoring.tracing import Constant

# (the chain's values so far, the context) -> one argument
Argument = Callable[[Sequence[Any], Any], Any]

_PYTHON: dict[str | None, Callable[[Any], Any]] = {"int64": int, "float64": float, "bool": bool}


def arguments(
    call: Call, absent: frozenset[int], defaults: dict[int, Any]
) -> tuple[list[Argument], dict[str, Argument]]:
    """What a function is called with, by place and by name.

    In the place of a value that is `absent` it gets the default, as it is.
    """
    signature = call.function.signature
    places: list[Argument] = []
    names: dict[str, Argument] = {}
    for parameter, given in zip(signature.parameters, call.arguments, strict=True):
        made = _argument(parameter, given, call.function.row_by_row, absent, defaults)
        if parameter.keyword_only:
            names[parameter.name] = made
        else:
            places.append(made)
    if signature.context is not None:
        _put_context(call, places, names)
    return places, names


def _put_context(call: Call, places: list[Argument], names: dict[str, Argument]) -> None:
    signature = call.function.signature
    assert signature.context is not None
    if signature.context_place is None:
        names[signature.context] = lambda _, context: context
    else:
        places.insert(signature.context_place, lambda _, context: context)


def _argument(
    parameter: Parameter, given: int | Constant, row_by_row: bool, absent: frozenset[int], defaults: dict[int, Any]
) -> Argument:
    if isinstance(given, Constant):
        return _constant(given.value)
    if given in absent:
        return _constant(defaults[given])
    convert = _row_conversion(parameter) if row_by_row else _batch_conversion(parameter)
    if convert is None:
        return lambda values, _: values[given]
    return lambda values, _: convert(values[given])


def _constant(value: Any) -> Argument:
    return lambda values, context: value


def _row_conversion(parameter: Parameter) -> Callable[[Any], Any] | None:
    meaning: Meaning = parameter.meaning
    if meaning.json:
        return lambda text: _document(text, parameter.name, None)
    if meaning.python:
        return _PYTHON[meaning.dtype]
    # Arrays of no dimensions come out of a column as numbers.
    return np.asarray if meaning.array and not meaning.dims else None


def _batch_conversion(parameter: Parameter) -> Callable[[Any], Any] | None:
    if parameter.meaning.json:
        return lambda texts: [_document(text, parameter.name, row) for row, text in enumerate(texts)]
    return None


def _document(text: Any, name: str, row: int | None) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"input '{name}' is no JSON document: {error}", row=row) from None
