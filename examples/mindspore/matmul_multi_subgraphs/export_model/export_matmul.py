"""Exports the two subgraphs as MindIR, where `matmul` has its models.

Needs MindSpore (`pip install 'salver[mindspore]'`), and is run in its own folder: python export_matmul.py
"""

from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Parameter, nn, ops

DEVICE = "CPU"  # "Ascend" or "GPU" where there is one; the files are the same
FOLDER = Path("../matmul/1")


class MatmulSum(nn.Cell):
    """Multiplies by weights, and sums the rows."""

    def __init__(self):
        super().__init__()
        self.weights = Parameter(ms.Tensor(np.ones((96, 16), np.float32)), name="weights")

    def construct(self, x):
        return ops.reduce_sum(ops.matmul(x, self.weights), 0)


def export(rows, name):
    FOLDER.mkdir(parents=True, exist_ok=True)
    x = ms.Tensor(shape=[rows, 96], dtype=ms.float32)
    ms.export(MatmulSum(), x, file_name=str(FOLDER / name), file_format="MINDIR")
    print(f"wrote {FOLDER / name}.mindir")


if __name__ == "__main__":
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device(DEVICE)
    export(128, "matmul_0")
    export(8, "matmul_1")
