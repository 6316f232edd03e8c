"""Inputs, and the outputs that numpy computes for them: what every server's answers are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import numpy as np

from benchmarks import steps
from benchmarks.raw import Array, objects
from benchmarks.tools.classifier import name_of, picture
from benchmarks.tools.forms import Inputs
from benchmarks.workloads import STREAMED, Workload

LAYERS: Final = (784, 128, 10)
TABLE: Final = (250_000, 64)
LOAD_SEED: Final = 7
WEIGHTS_SEED: Final = 1
CLEAR: Final = 1e-3
PAYLOAD_BYTES: Final = {"echo": 1024, "processes": 1024, "count": 64, "chat": 64}

Answer = Callable[[Inputs], Array]


def random_inputs(workload: Workload, seed: int) -> Inputs:
    """Inputs of one request. Small whole numbers: their text form in JSON is short and exact."""
    if workload.name == "image":
        return {"image": objects([picture(seed).jpeg])}
    if workload.name == "faces":
        return {"raw_data": objects([picture(seed).jpeg])}
    random = np.random.default_rng(seed)
    if workload.name in PAYLOAD_BYTES:
        (payload,) = workload.inputs
        return {payload.name: objects([random.bytes(PAYLOAD_BYTES[workload.name]) for _ in range(payload.elements)])}
    while True:
        inputs = {t.name: random.integers(0, 9, t.shape).astype(t.dtype) for t in workload.inputs}
        if workload.name != "chain" or _is_clear(inputs):
            return inputs


@cache
def weights() -> Mapping[str, Array]:
    """Seeded weights of the perceptron; nothing in the measurement depends on their values."""
    random = np.random.default_rng(WEIGHTS_SEED)
    wide, hidden, narrow = LAYERS
    return {
        "w1": (random.standard_normal((wide, hidden)) / wide**0.5).astype(np.float32),
        "b1": random.standard_normal(hidden).astype(np.float32),
        "w2": (random.standard_normal((hidden, narrow)) / hidden**0.5).astype(np.float32),
        "b2": random.standard_normal(narrow).astype(np.float32),
    }


@cache
def table() -> Array:
    """The seeded embedding table; a row is a number's."""
    return np.random.default_rng(WEIGHTS_SEED).standard_normal(TABLE, np.float32)


def reference(workload: Workload) -> Answer:
    """The function that the workload computes."""
    answers: dict[str, Answer] = {
        "add": lambda inputs: inputs["x1"] + inputs["x2"],
        "mlp": lambda inputs: _perceptron(inputs["x"]),
        "tensor": lambda inputs: -inputs["x"],
        "lookup": lambda inputs: table()[inputs["ids"]].mean(axis=1),
        "chain": lambda inputs: _scores(inputs).argmax(axis=1),
        "image": _shown,
        "rows": _distances,
        "instances": _distances,
        "empty": lambda inputs: objects([b""]),
        "echo": lambda inputs: _numbered(inputs["payload"]),
        "processes": lambda inputs: _numbered(inputs["payload"]),
        "chat": lambda inputs: _numbered(inputs["payload"]),
        "count": lambda inputs: _numbered(inputs["payload"].repeat(STREAMED)),
        "faces": _box,
    }
    return answers[workload.name]


def agree(got: Array, wanted: Array) -> None:
    """Raises unless they are the same: floats within rounding, all else exactly."""
    if got.dtype == np.float32:
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)
    else:
        np.testing.assert_array_equal(got, wanted)


def _perceptron(x: Array) -> Array:
    w = weights()
    hidden: Array = np.maximum(x @ w["w1"] + w["b1"], np.float32(0))
    result: Array = hidden @ w["w2"] + w["b2"]
    return result


def _scores(inputs: Inputs) -> Array:
    return _perceptron(inputs["x"] / np.float32(8))


def _is_clear(inputs: Inputs) -> bool:
    """Whether one class leads by more than rounding may shift."""
    second, first = np.sort(_scores(inputs)[0])[-2:]
    return bool(first - second > CLEAR)


def _shown(inputs: Inputs) -> Array:
    return objects([name_of(inputs["image"][0]).encode()])


def _numbered(payloads: Array) -> Array:
    return objects([b"%d %s" % (number, payload) for number, payload in enumerate(payloads)])


def _box(inputs: Inputs) -> Array:
    """The first cell of 8x8 pixels that none is brighter than."""
    pixels = steps.reduced(inputs["raw_data"][0]).astype(np.int64).sum(axis=2)
    sides = range(0, steps.REDUCED, steps.CELL)
    cells = {(x, y): pixels[y : y + steps.CELL, x : x + steps.CELL].sum() for y in sides for x in sides}
    x, y = max(cells, key=lambda each: cells[each])
    return np.array([[x, y, steps.CELL, steps.CELL]], np.float32)


def _distances(inputs: Inputs) -> Array:
    return np.array([_distance(one, other) for one, other in inputs["pair"]])


def _distance(one: Array, other: Array) -> int:
    """Row by row of the table, where insertions add up from the left."""
    places = np.arange(len(other) + 1)
    above = places
    for number, mine in enumerate(one, 1):
        replaced = np.minimum(above[:-1] + (other != mine), above[1:] + 1)
        here = np.concatenate(([number], replaced))
        above = np.minimum.accumulate(here - places) + places
    return int(above[-1])
