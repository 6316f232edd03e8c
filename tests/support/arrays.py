"""Arrays of every element type."""

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def rows_of(dtype: str, rows: int = 2) -> Array:
    """`rows` rows of three values that tell the type apart from its neighbours."""
    if dtype == "str":
        texts = np.array(["plain", "", "schön 你好"] * rows, dtype=object)
        return np.array([text.encode() for text in texts], dtype=object).reshape(rows, 3)
    if dtype == "bool":
        return np.array([[True, False, True]] * rows)
    kind = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
    if kind.kind in "iu":
        info = np.iinfo(kind)
        return np.array([[info.min, info.max, 7]] * rows, dtype=kind)
    return np.array([[-1.5, 0.25, 3.0]] * rows).astype(kind)
