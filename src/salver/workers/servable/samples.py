"""Made-up tensors as columns, and back."""

from typing import Any

import numpy as np

from salver.runtimes.samples import Tensor
from salver.workers.dtypes import numpy_dtype
from salver.workers.stage import Column, texts


def column_of(tensor: Tensor) -> Column:
    """A tensor whose leading dimension is the rows."""
    dtype, shape, data = tensor
    if isinstance(data, bytes):
        return np.frombuffer(data, numpy_dtype(dtype)).reshape(shape)
    values: list[Any] = [each.decode() for each in data] if dtype == "str" else data
    return values if len(shape) == 1 else np.array(values, np.object_).reshape(shape)


def tensor_of(column: Column) -> Tensor:
    shape = list(column.shape) if isinstance(column, np.ndarray) else [len(column)]
    values = texts(column)
    if values is None:
        array = np.asarray(column)
        return array.dtype.name, shape, array.tobytes()
    raw = [each.encode() if isinstance(each, str) else each for each in values]
    return "str" if values and isinstance(values[0], str) else "bytes", shape, raw
