"""Made-up tensors as columns, and back."""

import numpy as np

from salver.runtimes.samples import Tensor
from salver.workers.servable.promises import numpy_dtype
from salver.workers.stage import Column


def column_of(tensor: Tensor) -> Column:
    """A tensor whose leading dimension is the rows. Raises ValueError for rows that are several texts."""
    dtype, shape, data = tensor
    if isinstance(data, bytes):
        return np.frombuffer(data, numpy_dtype(dtype)).reshape(shape)
    if len(shape) != 1:
        raise ValueError(f"a column of text has one for each row, not the shape {shape}")
    return [each.decode() for each in data] if dtype == "str" else data


def tensor_of(column: Column) -> Tensor:
    if isinstance(column, np.ndarray):
        return column.dtype.name, list(column.shape), column.tobytes()
    texts = [each.encode() if isinstance(each, str) else each for each in column]
    return "str" if column and isinstance(column[0], str) else "bytes", [len(column)], texts
