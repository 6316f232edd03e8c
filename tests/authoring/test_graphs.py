from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support.stages import (
    HEADS,
    NET,
    Held,
    Image,
    Scores,
    as_dict,
    as_object,
    as_tuple,
    decode,
    in_any_way,
    label,
    number,
    resize,
    split,
    tokens,
    traced,
)

import salver
from salver.authoring.functions import Function
from salver.authoring.graphs import Graph, graph_of_function
from salver.authoring.models import Model
from salver.authoring.tracing import Constant


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


def test_models_are_told_apart_by_what_they_are_not_by_their_path() -> None:
    assert isinstance(NET, Model)
    assert salver.model("net.onnx") != NET
