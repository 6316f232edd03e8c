from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

import numpy as np
import pytest
from jaxtyping import Float32

import salver
from salver.authoring.functions import Function, Traced
from salver.authoring.graphs import Graph, graph_of_function, graph_of_method
from salver.authoring.models import Model
from salver.authoring.spec import Policy, Port
from salver.authoring.tracing import Constant, ModelPorts
from salver.problems import Unusable

Image = Float32[np.ndarray, "3 8 8"]


class Scores(TypedDict):
    best: str
    scores: Float32[np.ndarray, "10"]


@dataclass
class Held:
    best: str
    scores: Float32[np.ndarray, "10"]

    def __post_init__(self) -> None:
        assert isinstance(self.best, str), "made for real only"


class Tupled(NamedTuple):
    best: str
    scores: Float32[np.ndarray, "10"]


@salver.stage
def decode(image: bytes) -> Image: ...


@salver.stage
def resize(image: Image, size: int = 8) -> Image: ...


@salver.stage
def label(scores: Float32[np.ndarray, "10"]) -> str: ...


@salver.stage
def in_any_way(value):
    return value


@salver.stage
def split(image: Image) -> tuple[Image, Image]: ...


@salver.stage
def as_dict(image: Image) -> Scores: ...


@salver.stage
def as_object(image: Image) -> Held: ...


@salver.stage
def as_tuple(image: Image) -> Tupled: ...


@salver.stage
def tokens(text: str) -> Iterator[str]:
    yield text


@salver.function
def over_batches(text: str) -> Iterator[str]:
    yield text


@salver.stage
def number(value: float) -> int: ...


NET = salver.model("net.onnx")
HEADS = salver.model("heads.onnx")
STRANGER = salver.model("stranger.onnx")

MODELS = {
    NET: ModelPorts((Port("x", "float32", (3, 8, 8)),), (Port("y", "float32", (10,)),), None, Policy()),
    HEADS: ModelPorts(
        (Port("a", "float32", (3, 8, 8)), Port("b", "float32", (3, 8, 8))),
        (Port("y", "float32", ()), Port("z", "int64", ())),
        None,
        Policy(),
    ),
}


def traced(method: Callable[..., Any]) -> Graph:
    method = salver.method(method)
    assert isinstance(method, Traced)
    return graph_of_method(method, MODELS)


def shown(graph: Graph) -> str:
    """A graph in short: its contract, and what is called with what."""

    def value(source: Any) -> str:
        if isinstance(source, Constant):
            return repr(source.value)
        return graph.inputs[source.index].name if hasattr(source, "index") else f"{source.step}.{source.output}"

    calls = [f"{node.target.name}({', '.join(map(value, node.arguments))})" for node in graph.nodes]
    ports = ", ".join(map(str, graph.inputs)), ", ".join(map(str, graph.outputs))
    return f"({ports[0]}) -> ({ports[1]}): {' '.join(calls)} -> {', '.join(map(value, graph.sources))}"


def classify(image: bytes) -> str:
    return label(NET(decode(image)))


def undeclared(image):
    return NET(resize(image))


def with_constants(image: bytes) -> Image:
    return resize(decode(image), size=16)


def several(image: bytes) -> tuple[str, np.float32, np.int64]:
    first, second = split(decode(image))
    y, z = HEADS(first, second)
    return label(NET(first)), y, z


def by_name(image: bytes):
    decoded = decode(image)
    return {"label": label(NET(x=decoded)), "image": image}


def in_the_declared_order(image: bytes) -> Scores:
    scores = NET(decode(image))
    return {"scores": scores, "best": label(scores)}


def from_dict(image: bytes) -> str:
    return as_dict(decode(image))["best"]


def from_object(image: bytes) -> str:
    return as_object(decode(image)).best


def from_tuple(image: bytes) -> str:
    best, _ = as_tuple(decode(image))
    return best


def handed_on(image: bytes) -> Held:
    return as_object(decode(image))


def inlined(image: bytes, other: bytes) -> tuple[str, str]:
    return classify(image), classify(other)


def without_stages(x: int, y: str) -> tuple[str, int]:
    return y, x


def optional(image: bytes, size: int = 32) -> Image:
    return resize(decode(image), size)


def sequence(text: str) -> Iterator[str]:
    return tokens(in_any_way(text))


def keyword_only(image: bytes, *, size: int) -> Image:
    return resize(decode(image), size=size)


def converted(image: bytes) -> int:
    y, _ = HEADS(decode(image), decode(image))
    return number(y)


IMAGE = "float32[3, 8, 8]"


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        (classify, "(image: bytes) -> (output: str): decode(image) net.onnx(0.0) label(1.0) -> 2.0"),
        (undeclared, f"(image: {IMAGE}) -> (output: float32[10]): resize(image, 8) net.onnx(0.0) -> 1.0"),
        (with_constants, f"(image: bytes) -> (output: {IMAGE}): decode(image) resize(0.0, 16) -> 1.0"),
        (
            several,
            (
                "(image: bytes) -> (output_0: str, output_1: float32, output_2: int64): decode(image) split(0.0) "
                "heads.onnx(1.0, 1.1) net.onnx(1.0) label(3.0) -> 4.0, 2.0, 2.1"
            ),
        ),
        (by_name, "(image: bytes) -> (label: str, image: bytes): decode(image) net.onnx(0.0) label(1.0) -> 2.0, image"),
        (
            in_the_declared_order,
            "(image: bytes) -> (best: str, scores: float32[10]): decode(image) net.onnx(0.0) label(1.0) -> 2.0, 1.0",
        ),
        (from_dict, "(image: bytes) -> (output: str): decode(image) as_dict(0.0) -> 1.0"),
        (from_object, "(image: bytes) -> (output: str): decode(image) as_object(0.0) -> 1.0"),
        (from_tuple, "(image: bytes) -> (output: str): decode(image) as_tuple(0.0) -> 1.0"),
        (handed_on, "(image: bytes) -> (best: str, scores: float32[10]): decode(image) as_object(0.0) -> 1.0, 1.1"),
        (
            inlined,
            (
                "(image: bytes, other: bytes) -> (output_0: str, output_1: str): decode(image) net.onnx(0.0) "
                "label(1.0) decode(other) net.onnx(3.0) label(4.0) -> 2.0, 5.0"
            ),
        ),
        (without_stages, "(x: int64, y: str) -> (output_0: str, output_1: int64):  -> y, x"),
        (optional, f"(image: bytes, size: int64) -> (output: {IMAGE}): decode(image) resize(0.0, size) -> 1.0"),
        (sequence, "(text: str) -> (output: str): in_any_way(text) tokens(0.0) -> 1.0"),
        (keyword_only, f"(image: bytes, size: int64) -> (output: {IMAGE}): decode(image) resize(0.0, size) -> 1.0"),
        (
            converted,
            "(image: bytes) -> (output: int64): decode(image) decode(image) heads.onnx(0.0, 1.0) number(2.0) -> 3.0",
        ),
    ],
)
def test_a_method_becomes_a_graph_of_what_it_calls(method: Callable[..., Any], wanted: str) -> None:
    assert shown(traced(method)) == wanted


def test_a_function_by_itself_is_a_method_of_one_stage() -> None:
    assert isinstance(resize, Function)
    graph = graph_of_function(resize)
    assert shown(graph) == f"(image: {IMAGE}, size: int64) -> (output: {IMAGE}): resize(image, size) -> 0.0"
    assert graph.defaults == {1: 8}


def test_optional_inputs_and_sequences_are_known() -> None:
    assert (traced(optional).defaults, traced(optional).inputs[1].optional) == ({1: 32}, True)
    assert traced(sequence).sequence
    assert not traced(classify).sequence


def test_outside_of_a_trace_stages_are_plain_functions() -> None:
    @salver.stage
    def double(x: int) -> int:
        return 2 * x

    @salver.method
    def twice(x: int) -> int:
        return double(double(x))

    assert twice(1) == 4
    assert double.__name__ == "double"


class Holder:
    @salver.function
    def double(self, x: int) -> int:
        return 2 * x


def test_outside_of_a_server_methods_of_objects_are_what_they_are() -> None:
    assert Holder().double(2) == 4


# What follows is wrong, each in its way; the line that is told is the one marked by `here`.


def decides(image: bytes) -> str:
    if image:  # here
        return image
    return ""


def compares(x: int) -> int:
    return label(x) if x == 1 else x  # here


def computes(x: int) -> int:
    return in_any_way(1 - x)  # here


def computes_by_numpy(x: np.float32) -> np.float32:
    return np.exp(x)  # here


def stacks(x: np.float32) -> np.float32:
    return np.stack([x, x])  # here


def unpacks(image: bytes) -> str:
    first, _ = decode(image)  # here
    return label(first)


def looks_inside(image: bytes) -> bytes:
    return decode(image)[0]  # here


def asks(image: bytes) -> int:
    return decode(image).shape  # here


def formats(text: str) -> str:
    return f"so {text}"  # here


def calls(text: str) -> str:
    return text()  # here


def gives_lists(image: bytes) -> str:
    return in_any_way([image])  # here


def returns_nothing(image: bytes) -> str:  # here
    decode(image)
    return None


def returns_constants(image: bytes) -> tuple[str, str]:  # here
    return label(NET(decode(image))), "constant"


def returns_less(image: bytes) -> Scores:  # here
    return {"best": label(NET(decode(image)))}


def uses_nothing_of(image: bytes) -> bytes:
    decode(image)  # here
    return image


def too_many_arguments(image: bytes) -> Image:
    return resize(decode(image), 8, 8)  # here


def wrong_number_for_a_model(image: bytes) -> np.ndarray:
    return HEADS(decode(image))  # here


def constants_for_a_model(image: bytes) -> np.ndarray:
    return HEADS(decode(image), np.zeros((3, 8, 8)))  # here


def a_model_by_batch(image: bytes) -> np.ndarray:
    return NET.batch(decode(image))  # here


def an_undeclared_model(image: bytes) -> np.ndarray:
    return STRANGER(decode(image))  # here


def mismatched_dtype(image: bytes) -> str:
    return label(image)  # here


def mismatched_dims(image: bytes) -> str:
    return label(decode(image))  # here


def promises_something_else(image: bytes) -> bytes:  # here
    return label(NET(decode(image)))


def optional_to_a_model(image: Image = np.zeros((3, 8, 8))) -> np.ndarray:  # noqa: B008
    return NET(image)  # here


def optional_to_the_caller(text: str = "") -> str:  # here
    return text


def without_inputs() -> str:  # here
    return ""


def with_context(image: bytes, context: salver.Context) -> bytes:  # here
    return image


def yields(image: bytes) -> Iterator[bytes]:  # here
    yield image


async def awaits(image: bytes) -> bytes:  # here
    return image


def a_sequence_first(text: str) -> str:
    return in_any_way(tokens(text))  # here, first


def a_sequence_beside_others(text: str):
    return tokens(text), text  # here


def a_sequence_of_batches(text: str):
    return over_batches(text)  # here


def no_sequence(text: str) -> Iterator[str]:  # here
    return in_any_way(text)


@pytest.mark.parametrize(
    ("method", "what", "remedy"),
    [
        (decides, "decides by the input 'image', which is known only when a request comes", "@salver.stage"),
        (compares, "decides by the input 'x'", "@salver.stage"),
        (computes, "computes with the input 'x'", "@salver.stage"),
        (computes_by_numpy, "computes by numpy with the input 'x'", "@salver.stage"),
        (stacks, "computes by numpy with the input 'x'", "@salver.stage"),
        (unpacks, "takes the result of 'decode' apart, which is one value", "-> tuple[..., ...]"),
        (looks_inside, "looks into the result of 'decode'", "@salver.stage"),
        (asks, "asks for 'shape' of the result of 'decode'", "@salver.stage"),
        (formats, "converts the input 'text'", "@salver.stage"),
        (calls, "calls the input 'text'", "@salver.stage"),
        (gives_lists, "gives 'value' several values in one list", "one by one"),
        (returns_nothing, "returns nothing as 'output'", "return what it gets, or what its stages give"),
        (returns_constants, "returns a str as 'output_1'", "return what it gets"),
        (returns_less, "returns best, but its annotation says best, scores", "make the two agree"),
        (uses_nothing_of, "does not use what 'decode' gives", "take the call out"),
        (too_many_arguments, "calls 'resize' wrongly: too many positional arguments", "resize(image: "),
        (wrong_number_for_a_model, "calls the model 'heads.onnx' with 1 inputs", "it takes 2: a: float32[3, 8, 8], b"),
        (constants_for_a_model, "the same for every row as 'b'", "@salver.stage"),
        (a_model_by_batch, "calls 'net.onnx' over a batch", "call it as a function"),
        (an_undeclared_model, "'stranger.onnx', which is not declared", "salver.model at the top"),
        (mismatched_dtype, "gives image: bytes to 'label', which takes scores: float32[10]", "converts"),
        (mismatched_dims, "3 dimensions are not 1", "converts"),
        (promises_something_else, "promises output: bytes, but gives output: str", "annotation agree"),
        (optional_to_a_model, "gives 'image', which callers may leave out, to the model 'net.onnx'", "default value"),
        (optional_to_the_caller, "returns its input 'text', which may be absent", "default value"),
        (without_inputs, "has no inputs", "give it an input"),
        (with_context, "asks for the context", "they get it by themselves"),
        (yields, "yields, but it is only traced", "@salver.stage"),
        (awaits, "awaits, but it is only traced", "@salver.stage"),
        (a_sequence_first, "'tokens' answers by a sequence", "make it the last stage"),
        (a_sequence_beside_others, "'tokens' answers by a sequence", "return its results alone"),
        (a_sequence_of_batches, "'over_batches' yields, but it takes batches", "@salver.stage"),
        (no_sequence, "Iterator[str] is no contract", "salver knows"),
    ],
)
def test_what_cannot_be_traced_is_told_with_its_line_and_a_remedy(
    method: Callable[..., Any], what: str, remedy: str
) -> None:
    with pytest.raises(Unusable) as refused:
        traced(method)
    problem = refused.value.problem
    assert what in problem.what
    assert remedy in problem.remedy
    file, _, line = problem.where.rpartition(":")
    with open(file) as source:  # noqa: PTH123
        assert "# here" in source.readlines()[int(line) - 1]


def test_a_value_of_another_method_is_refused() -> None:
    kept: list[Any] = []

    def keeps(text: str) -> str:
        kept.append(text)
        return text

    def uses(text: str) -> str:
        return label(kept[0])

    traced(keeps)
    with pytest.raises(Unusable, match="uses a value of another method"):
        traced(uses)


def test_models_are_told_apart_by_what_they_are_not_by_their_path() -> None:
    assert isinstance(NET, Model)
    assert salver.model("net.onnx") != NET
