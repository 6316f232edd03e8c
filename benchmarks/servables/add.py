"""A function over a batch, small rows."""

# ruff: noqa: F722 - shapes are no forward references

from typing import TypedDict

import numpy as np
from jaxtyping import Float32

import salver


class Sum(TypedDict):
    y: Float32[np.ndarray, "2 2"]


@salver.function(max_batch_size=64)
def add(x1: Float32[np.ndarray, "2 2"], x2: Float32[np.ndarray, "2 2"]) -> Sum:
    return {"y": x1 + x2}
