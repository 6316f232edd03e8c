"""numpy's element types, by the names that contracts have for them."""

from functools import cache
from typing import Any

import numpy as np

from salver.problems import Unusable


@cache
def numpy_dtype(name: str) -> "np.dtype[Any]":
    """Raises Unusable for bfloat16 without the package that has it."""
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ModuleNotFoundError:
        raise Unusable("bfloat16", "needs the package ml_dtypes", "pip install ml_dtypes") from None
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found
