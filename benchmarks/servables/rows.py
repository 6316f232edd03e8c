"""Plain Python that takes its time, row by row."""

# ruff: noqa: F722 - shapes are no forward references

import numpy as np
from jaxtyping import Int64

import salver
from benchmarks import steps


@salver.stage
def compare(pair: Int64[np.ndarray, "2 80"]) -> int:
    one, other = pair.tolist()
    return steps.edit_distance(one, other)


@salver.method
def distance(pair: Int64[np.ndarray, "2 80"]) -> int:
    return compare(pair)
