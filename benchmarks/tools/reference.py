"""Inputs, and the outputs that numpy computes for them: what every server's answers are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from benchmarks.tools.forms import Array, Inputs
from benchmarks.workloads import Workload

LAYERS: Final = (784, 128, 10)
LOAD_SEED: Final = 7
WEIGHTS_SEED: Final = 1


def random_inputs(workload: Workload, seed: int) -> Inputs:
    """Inputs of one request. Small whole numbers: their text form in JSON is short and exact."""
    random = np.random.default_rng(seed)
    return {t.name: random.integers(0, 9, t.shape).astype(np.float32) for t in workload.inputs}


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


def reference(workload: Workload) -> Callable[[Inputs], Array]:
    """The function that the workload's model computes."""
    return {"add": _add, "mlp": _perceptron(), "tensor": _negative}[workload.name]


def _add(inputs: Inputs) -> Array:
    return inputs["x1"] + inputs["x2"]


def _negative(inputs: Inputs) -> Array:
    return -inputs["x"]


def _perceptron() -> Callable[[Inputs], Array]:
    w = weights()

    def answer(inputs: Inputs) -> Array:
        hidden: Array = np.maximum(inputs["x"] @ w["w1"] + w["b1"], np.float32(0))
        result: Array = hidden @ w["w2"] + w["b2"]
        return result

    return answer
