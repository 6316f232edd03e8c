"""Functions that the original has built in, by the names under which `add_stage` takes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BuiltIn:
    function: Callable[..., object]
    inputs: int
    outputs: int


def argmax(scores: Any) -> object:
    """The index of the first of the largest elements, an int64 scalar; a NaN is larger than nothing."""
    import numpy as np

    if isinstance(scores, str):
        raise ValueError("Argmax not support data type kMSI_String")
    flat = scores.reshape(-1)
    if flat.size == 0 or flat[0] != flat[0]:
        return np.int64(0)
    return np.int64(np.argmax(flat) if flat.dtype.kind != "f" else np.nanargmax(flat))


BUILT_IN = {"argmax_cpp": BuiltIn(argmax, 1, 1)}
