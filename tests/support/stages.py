"""Stages, models and types of which tests make methods; none of the stages is ever run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

import numpy as np
from jaxtyping import Float32

import salver
from salver.authoring.functions import Traced
from salver.authoring.graphs import Graph, graph_of_method
from salver.authoring.spec import Policy, Port
from salver.authoring.tracing import ModelPorts

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
    """What the method becomes."""
    method = salver.method(method)
    assert isinstance(method, Traced)
    return graph_of_method(method, MODELS)
