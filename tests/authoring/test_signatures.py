from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np
import pytest
from jaxtyping import Float32

from salver import Context
from salver.authoring.places import place_of
from salver.authoring.signatures import MISSING, Signature, read_signature
from salver.problems import Unusable

if TYPE_CHECKING:
    from decimal import Decimal


Matrix = Float32[np.ndarray, "2 n"]
Foreign = Float32[memoryview, "2"]


class Named(TypedDict):
    label: str
    score: np.float32


@dataclass
class Held:
    label: str
    score: np.float32


class Tupled(NamedTuple):
    label: str
    score: np.float32


@dataclass
class Empty:
    pass


def signature(function: Callable[..., Any]) -> Signature:
    return read_signature(function)


def given(function: Callable[..., Any]) -> str:
    """What a function gives, in short."""
    results = signature(function).results
    return f"{results.form}: " + ", ".join(map(str, results.ports))


def test_parameters_become_inputs() -> None:
    def function(x: Matrix, /, y: int, *, text: str = "none", more=None) -> str: ...

    x, y, text, more = signature(function).parameters
    assert [str(each.port) for each in (x, y, text, more)] == ["x: float32[2, n]", "y: int64", "text: str", "more: any"]
    assert [each.port.optional for each in (x, y, text, more)] == [False, False, True, True]
    assert (x.default, text.default, more.default) == (MISSING, "none", None)
    assert [each.keyword_only for each in (x, y, text, more)] == [False, False, True, True]


def test_text_annotations_may_use_names_of_the_function_around() -> None:
    pair = Float32[np.ndarray, "2"]

    def function(x: pair) -> str:
        return str(pair)

    assert str(signature(function).parameters[0].port) == "x: float32[2]"


def test_what_is_bound_already_is_no_input() -> None:
    class Holder:
        def method(self, x: int) -> str: ...

    assert [each.name for each in signature(Holder().method).parameters] == ["x"]


def test_a_wrapper_says_what_the_wrapped_function_says() -> None:
    def wrapped(x: int) -> str: ...

    @functools.wraps(wrapped)
    def wrapper(*args: Any) -> Any:
        return wrapped(*args)

    assert [each.name for each in signature(wrapper).parameters] == ["x"]
    assert given(wrapper) == "one: output: str"


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        ("str", "one: output: str"),
        (None, "one: output: any"),
        ("tuple[str, np.float32]", "tuple: output_0: str, output_1: float32"),
        ("Named", "named: label: str, score: float32"),
        ("Held", "named: label: str, score: float32"),
        ("Tupled", "named: label: str, score: float32"),
    ],
)
def test_the_result_becomes_the_outputs(annotation: str | None, wanted: str) -> None:
    def function(x: int) -> Any: ...

    function.__annotations__["return"] = annotation
    if annotation is None:
        del function.__annotations__["return"]
    assert given(function) == wanted


def plain(x: int) -> str: ...
def generator(x: int) -> Iterator[str]:
    yield ""


async def coroutine(x: int) -> str: ...
async def asynchronous(x: int) -> AsyncIterator[str]:
    yield ""


@pytest.mark.parametrize(
    ("function", "flow"),
    [
        (plain, "returns"),
        (generator, "yields"),
        (coroutine, "awaits"),
        (asynchronous, "awaits and yields"),
    ],
)
def test_a_function_returns_awaits_or_yields_one_item_after_the_other(function: Any, flow: str) -> None:
    assert signature(function).flow == flow
    assert given(function) == "one: output: str"


def by_annotation(x: int, who: Context, y: int) -> str: ...
def by_name(context, x: int) -> str: ...
def by_keyword(x: int, *, context: Context | None = None) -> str: ...
def a_text_of_that_name(context: str) -> str: ...


@pytest.mark.parametrize(
    ("function", "context", "place", "inputs"),
    [
        (by_annotation, "who", 1, ["x", "y"]),
        (by_name, "context", 0, ["x"]),
        (by_keyword, "context", None, ["x"]),
        (a_text_of_that_name, None, None, ["context"]),
    ],
)
def test_the_context_is_no_input(function: Any, context: str | None, place: int | None, inputs: list[str]) -> None:
    read = signature(function)
    assert (read.context, read.context_place) == (context, place)
    assert [each.name for each in read.parameters] == inputs


def any_number(*x: int) -> str: ...
def any_names(**x: int) -> str: ...
def only_for_checkers(x: Decimal) -> str: ...
def broken(x: Float32[2]) -> str: ...
def unknown(x: list[str]) -> str: ...
def nothing(x: int) -> None: ...
def tuple_of_any_length(x: int) -> tuple[str, ...]: ...
def without_fields(x: int) -> Empty: ...
def unknown_result(x: int) -> set: ...
def not_a_sequence(x: int) -> str:
    yield ""


def foreign(x: Foreign) -> str: ...


@pytest.mark.parametrize(
    ("function", "what", "remedy"),
    [
        (any_number, "any number of inputs", "name every input"),
        (any_names, "any number of inputs", "name every input"),
        (only_for_checkers, "'x' of only_for_checkers() says 'Decimal', which cannot be read", "TYPE_CHECKING"),
        (broken, "'x' of broken() says 'Float32[2]', which cannot be read", "mend the annotation"),
        (unknown, "'x' of unknown() is annotated, but list[str] is no contract", "describe one row"),
        (nothing, "the result of nothing() is annotated as None", "return its outputs"),
        (tuple_of_any_length, "a tuple of any length", "tuple[str, np.float32]"),
        (without_fields, "is Empty, which has no fields", "name its outputs"),
        (unknown_result, "the result of unknown_result() is annotated, but set is no contract", "salver knows"),
        (not_a_sequence, "is a sequence, because it yields", "Iterator[str]"),
        (foreign, "'x' of foreign() is annotated as an array of another library", "np.ndarray"),
    ],
)
def test_what_is_no_contract_is_refused_with_its_place(function: Any, what: str, remedy: str) -> None:
    with pytest.raises(Unusable) as refused:
        signature(function)
    problem = refused.value.problem
    assert problem.where == f"{__file__}:{function.__code__.co_firstlineno}"
    assert what in problem.what
    assert remedy in problem.remedy


@functools.cache
def decorated(x: int) -> str: ...


@functools.total_ordering
class Decorated:
    def __lt__(self, other: object) -> bool:
        raise AssertionError


def test_the_place_is_the_line_below_the_decorators() -> None:
    with open(__file__) as file:  # noqa: PTH123
        lines = [line.strip() for line in file]
    assert place_of(decorated).line == lines.index("def decorated(x: int) -> str: ...") + 1
    assert place_of(Decorated).line == lines.index("class Decorated:") + 1
