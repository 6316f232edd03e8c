"""A function over a batch, large rows."""

# ruff: noqa: F722 - shapes are no forward references

from typing import TypedDict

import numpy as np
from jaxtyping import Float32

import salver


class Negative(TypedDict):
    y: Float32[np.ndarray, "3 224 224"]


@salver.function
def negate(x: Float32[np.ndarray, "3 224 224"]) -> Negative:
    return {"y": -x}
