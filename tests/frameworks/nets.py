"""Nets that MindSpore exports for the tests, each showing one thing. It reads their source, so they are in a file."""

from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops


class Add(nn.Cell):
    def construct(self, x1, x2):
        return x1 + x2


class Table(nn.Cell):
    """Rows of a table; an index that lies outside fails while it runs."""

    def __init__(self):
        super().__init__()
        self.table = Parameter(Tensor(np.arange(10, dtype=np.float32).reshape(5, 2)))

    def construct(self, index):
        return ops.gather(self.table, index, 0)


class Several(nn.Cell):
    """Outputs in a nest, and a constant, which comes out as a Python number."""

    def construct(self, x):
        return x + 1, (ops.cast(x, ms.int32), x * 2), 3


class Total(nn.Cell):
    def construct(self, x):
        return ops.reduce_sum(x)


class AllRows(nn.Cell):
    """Every row is the sum of all of them."""

    def construct(self, x):
        return ops.reduce_sum(x, 0).expand_dims(0).tile((4, 1))


class Thrice(nn.Cell):
    def construct(self, x):
        return x * 3


class Scale(nn.Cell):
    def construct(self, x, factor):
        return x * factor


def free(*dims, dtype=ms.float32):
    """An input whose dims that are None may have any length."""
    return Tensor(shape=list(dims), dtype=dtype)


NETS = {
    "add": (Add(), free(2, 2), free(2, 2)),
    "add_rows": (Add(), free(None, 2), free(None, 2)),
    "add_any": (Add(), free(-2), free(-2)),
    "half": (Add(), free(None, 3, dtype=ms.float16), free(None, 3, dtype=ms.float16)),
    "mixed": (Add(), free(None, dtype=ms.bool_), free(None, dtype=ms.int64)),
    "table": (Table(), free(None, dtype=ms.int32)),
    "several": (Several(), free(None, 2)),
    "total": (Total(), free(2, 2)),
    "all_rows": (AllRows(), free(4, 2)),
    "thrice": (Thrice(), free(None, 2)),
    "scale": (Scale(), free(None, 2), free(1)),
}


def export(name: str, folder: Path, **options: object) -> Path:
    net, *inputs = NETS[name]
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device("CPU")
    ms.export(net, *inputs, file_name=str(folder / name), file_format="MINDIR", **options)
    return folder / f"{name}.mindir"
