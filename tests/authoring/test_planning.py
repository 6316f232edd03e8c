from typing import Any

import numpy as np
from jaxtyping import Float32

import salver
from salver.authoring.functions import Function, Traced
from salver.authoring.graphs import graph_of_function, graph_of_method
from salver.authoring.manifest import Lane
from salver.authoring.planning import Planned, hidden_method, planned
from salver.authoring.spec import Input, Plan, Policy, Port, Step, StepOutput
from salver.authoring.tracing import ModelPorts

NET = salver.model("net.onnx", max_batch_size=8)
AGAIN = salver.model("net.onnx")
FIXED = salver.model("fixed.onnx")

X, Y = Port("x", "float32", (2,)), Port("y", "float32", (3,))
MODELS = {
    NET: ModelPorts((X,), (Y,), None, NET.policy),
    AGAIN: ModelPorts((X,), (Y,), None, AGAIN.policy),
    FIXED: ModelPorts((X,), (Y,), "its shape is fixed", FIXED.policy),
}


@salver.stage
def decode(image: bytes) -> Float32[np.ndarray, "2"]: ...


@salver.stage
def label(scores: Float32[np.ndarray, "3"]) -> str: ...


@salver.function
def add(x: Float32[np.ndarray, "2"]) -> Float32[np.ndarray, "2"]: ...


@salver.stage
async def wait(x: int) -> int: ...


@salver.stage
def tell(x: int):
    yield x


@salver.method
def classify(image: bytes) -> str:
    return label(NET(decode(image)))


@salver.method
def scores(x):
    return NET(x)


@salver.method
def whole(x):
    return FIXED(x)


@salver.method
def whole_of_row(image: bytes):
    return FIXED(decode(image))


@salver.method
def same(x: int) -> int:
    return x


@salver.method
def waited(x: int):
    return wait(x)


@salver.method
def told(x: int):
    return tell(x)


def plan(*methods: Any) -> Planned:
    graphs = [
        graph_of_method(each, MODELS) if isinstance(each, Traced) else graph_of_function(each) for each in methods
    ]
    return planned("s", 2, graphs, MODELS)


def test_every_model_is_one_stage_whoever_uses_it() -> None:
    made = plan(classify, scores)
    assert [stage.name for stage in made.servable.stages] == [
        "net.onnx", "net.onnx#2", "fixed.onnx", "classify.decode", "classify.label",
    ]  # fmt: skip
    assert made.servable.stages[0].policy == Policy(max_batch_size=8)
    assert made.models == {0: NET, 1: AGAIN, 2: FIXED}
    assert set(made.chains) == {3, 4}
    one, other = made.servable.methods[:2]
    steps = (Step(3, (Input(0),)), Step(0, (StepOutput(0, 0),)), Step(4, (StepOutput(1, 0),)))
    assert one.plan == Plan(steps, (StepOutput(2, 0),))
    assert other.plan == Plan((Step(0, (Input(0),)),), (StepOutput(0, 0),))


def test_every_model_has_a_hidden_method() -> None:
    methods = plan(same).servable.methods
    assert [method.name for method in methods] == [
        "same", *map(hidden_method, ("net.onnx", "net.onnx#2", "fixed.onnx"))
    ]  # fmt: skip
    assert hidden_method("net.onnx") == "@call_net.onnx_0"
    assert [str(method.contract) for method in methods[1:]] == ["(x0: float32[2]) -> (y0: float32[3])"] * 3
    assert [method.contract.batched for method in methods[1:]] == [True, True, False]


def test_a_function_has_the_name_of_its_method() -> None:
    assert isinstance(add, Function)
    made = plan(add)
    assert made.servable.stages[3].name == made.servable.methods[0].name == "add"
    assert made.servable.stages[3].policy == Policy(64)


def test_requests_have_rows_unless_a_method_is_an_unbatched_model_alone() -> None:
    methods = plan(classify, scores, whole, whole_of_row, same, waited, told).servable.methods
    assert [method.contract.batched for method in methods[:7]] == [True, True, False, True, True, True, True]


def test_a_method_without_stages_gives_what_it_gets() -> None:
    assert plan(same).servable.methods[0].plan == Plan((), (Input(0),))


def test_all_functions_share_one_lane_that_is_as_wide_as_they_need() -> None:
    assert plan(same).lane_of_functions() == ()
    assert plan(classify).lane_of_functions() == (Lane((3, 4), 2),)
    assert plan(classify, tell).lane_of_functions() == (Lane((3, 4, 5), 32, concurrent=True),)
    assert plan(classify, tell, wait).lane_of_functions() == (Lane((3, 4, 5, 6), 64, concurrent=True),)
    assert plan(tell).servable.methods[0].sequence
