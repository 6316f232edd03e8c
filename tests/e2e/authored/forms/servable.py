"""Every form in which a method can be written."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

import numpy as np
from jaxtyping import Float32

import salver

Matrix = Float32[np.ndarray, "2 2"]

net = salver.model("scaled.onnx")


@salver.function
def add(x1: Matrix, x2: Matrix) -> Matrix:
    return x1 + x2


@salver.function
def shapes(x: Float32[np.ndarray, "length"]) -> np.int64:
    return np.full(len(x), x.shape[1])


@salver.stage
def upper(text: str) -> str:
    return text.upper()


@salver.stage
def twice(text: str, times: int) -> str:
    return text * times


@salver.method
def shout(text: str, times: int = 2) -> str:
    return twice(upper(text), times)


@salver.stage
def half(x):
    return x / 2


@salver.stage
def largest(x: Float32[np.ndarray, "2"]) -> float:
    return x.max()


@salver.method
def around(x: Float32[np.ndarray, "2"]) -> float:
    """Functions before and after a model."""
    return largest(net(half(x)))


@salver.stage
def inside(x: Float32[np.ndarray, "2"]) -> Float32[np.ndarray, "2"]:
    return net(net(x))


@salver.method
def nested(x: Float32[np.ndarray, "2"]) -> Float32[np.ndarray, "2"]:
    """A model called from inside a function, twice."""
    return inside(x)


@salver.function
def backwards(data: bytes) -> bytes:
    return [each[::-1] for each in data]


@salver.function
def pair(x: np.int32) -> tuple[np.int32, str]:
    return x + 1, [f"{each} + 1" for each in x]


class Named(TypedDict):
    total: np.int64
    words: str


@salver.function
def named(x: np.int64) -> Named:
    return {"words": [str(each) for each in x], "total": x * 10}


@dataclass
class Point:
    x: float
    y: float


@salver.stage
def mirrored(x: float, y: float) -> Point:
    return Point(-x, y)


class Sides(NamedTuple):
    left: float
    right: float


@salver.method
def sides(x: float, y: float) -> Sides:
    """A method's own names for what a stage gives."""
    point = mirrored(x, y)
    return Sides(left=point.x, right=point.y)


@salver.function
def document(dish: salver.Json) -> salver.Json:
    return [{"keys": sorted(each), "first": each[min(each)]} for each in dish]


@salver.stage
async def later(text: str) -> str:
    await asyncio.sleep(0)
    return f"later: {text}"


@salver.method
def wait(text: str) -> str:
    return later(text)


@salver.function
async def wait_together(x: np.int64) -> np.int64:
    await asyncio.sleep(0)
    return x - 1


@salver.servable
class Kept:
    def setup(self, device: str) -> None:
        self.where = f"on {device}"

    def place(self, name: str, *, loud: bool = False) -> str:
        text = f"{name} {self.where}"
        return text.upper() if loud else text

    @salver.function
    def doubled(self, x: Float32[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
        return x * 2

    def count(self, up_to: int) -> Iterator[int]:
        try:
            yield from range(up_to)
        finally:
            print(f"the end of counting to {up_to}")

    async def spell(self, word: str) -> AsyncIterator[Named]:
        try:
            for index, letter in enumerate(word):
                await asyncio.sleep(0)
                yield {"total": index, "words": letter}
        finally:
            print(f"the end of spelling {len(word)} letters")
