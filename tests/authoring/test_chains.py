"""Which functions become one stage, and what goes into it and out of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import salver
from salver.authoring.chains import Chain, chain_of, groups
from salver.authoring.functions import Traced
from salver.authoring.graphs import graph_of_method
from salver.authoring.spec import Policy, Port
from salver.authoring.tracing import Constant, ModelPorts

NET = salver.model("net.onnx")
MODELS = {NET: ModelPorts((Port("x", "float32", (2,)),), (Port("y", "float32", (2,)),), None, Policy())}


@salver.stage
def a(x):
    return x


@salver.stage
def b(x):
    return x


@salver.stage
def both(x, y):
    return x


@salver.stage
def pair(x) -> tuple[np.ndarray, np.ndarray]:
    return x, x


@salver.stage(max_batch_size=4)
def small(x):
    return x


@salver.function
def batch(x):
    return x


@salver.function
def batch_too(x):
    return x


@salver.stage
def informed(x, context):
    return x


def uses_a_value_twice(x):
    first = a(x)
    return both(NET(b(first)), first)


def shown(chain: Chain) -> str:
    """A chain in short: its functions with the numbers of their arguments, then the numbers of its outputs."""

    def argument(given: int | Constant) -> str:
        return repr(given.value) if isinstance(given, Constant) else str(given)

    calls = [f"{call.index}:{call.function.name}({','.join(map(argument, call.arguments))})" for call in chain.calls]
    return f"{len(chain.inputs)}> {' '.join(calls)} >{','.join(map(str, chain.outputs))}"


def fused(method: Callable[..., Any]) -> list[str]:
    traced = salver.method(method)
    assert isinstance(traced, Traced)
    graph = graph_of_method(traced, MODELS)
    return [
        "model" if graph.nodes[group[0]].target is NET else shown(chain_of(graph, group).chain)
        for group in groups(graph)
    ]


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        (lambda x: [a(x)], ["1> 1:a(0) >1"]),
        (lambda x: b(a(x)), ["1> 1:a(0) 2:b(1) >2"]),
        (lambda x: b(NET(a(x))), ["1> 1:a(0) >1", "model", "1> 3:b(0) >1"]),
        (lambda x: b(small(a(x))), ["1> 1:a(0) >1", "1> 2:small(0) >1", "1> 3:b(0) >1"]),
        (lambda x: batch_too(batch(a(x))), ["1> 1:a(0) >1", "1> 2:batch(0) 3:batch_too(1) >2"]),
        # Neighbours in the method's text are one stage even if neither uses the other.
        (lambda x, y: (a(x), b(y)), ["2> 1:a(0) 2:b(1) >2,3"]),
        # A value that is used later leaves the chain, others stay inside.
        (uses_a_value_twice, ["1> 1:a(0) 2:b(1) >1,2", "model", "2> 4:both(0,1) >2"]),
        # What goes in twice is one input.
        (lambda x: both(x, a(x)), ["1> 1:a(0) 2:both(0,1) >2"]),
        # Of several outputs only those are given that are used.
        (lambda x: a(NET(pair(x)[1])), ["1> 1:pair(0) >2", "model", "1> 3:a(0) >1"]),
        (lambda x: both(a(x), 3), ["1> 1:a(0) 2:both(1,3) >2"]),
        (lambda x: x, []),
    ],
)
def test_neighbours_of_one_policy_are_one_stage(method: Callable[..., Any], wanted: list[str]) -> None:
    assert fused(method) == wanted


def placed(method: Callable[..., Any], group: int = 0) -> Any:
    traced = salver.method(method)
    assert isinstance(traced, Traced)
    graph = graph_of_method(traced, MODELS)
    return chain_of(graph, groups(graph)[group])


def test_a_chain_has_the_policy_and_the_wishes_of_its_functions() -> None:
    def told(x):
        return informed(a(x))

    spec = placed(told).spec
    assert (spec.name, spec.policy, spec.context) == ("told.a+informed", Policy(row_by_row=True), True)
    assert not placed(uses_a_value_twice).spec.context


def test_inputs_are_called_like_parameters_and_are_of_different_names() -> None:
    def method(x, y):
        return both(a(x), b(y))

    spec = placed(method).spec
    assert [port.name for port in spec.inputs] == ["x", "x_2"]


def test_a_default_of_the_method_stands_in_for_an_absent_input() -> None:
    def method(x, y: int = 7):
        return both(x, y)

    chain = placed(method)
    assert chain.chain.defaults == {1: 7}
    assert [port.optional for port in chain.spec.inputs] == [False, True]


def test_where_a_function_says_nothing_it_must_give_what_its_method_or_its_model_says() -> None:
    def method(x) -> tuple[np.float32, np.int64]:
        return a(x), b(x)

    promised = [call.promised[0] for call in placed(method).chain.calls]
    assert [(each.dtype, each.dims) for each in promised] == [("float32", ()), ("int64", ())]
    [for_model] = placed(lambda x: NET(a(x))).chain.calls[0].promised
    # What a row of a model is may change when it is loaded, its element type may not.
    assert (for_model.dtype, for_model.dims) == ("float32", None)
