"""Exports the sum and the difference of two 2x2 matrices as MindIR, where `add_sub` has its models.

Needs MindSpore (`pip install 'salver[mindspore]'`), and is run in its own folder: python add_sub_model.py
"""

from pathlib import Path

import mindspore as ms
from mindspore import nn

DEVICE = "CPU"  # "Ascend" or "GPU" where there is one; the files are the same
FOLDER = Path("../add_sub/1")


class Add(nn.Cell):
    def construct(self, x_, y_):
        return x_ + y_


class Sub(nn.Cell):
    def construct(self, x_, y_):
        return x_ - y_


def export(net, name):
    matrices = [ms.Tensor(shape=[2, 2], dtype=ms.float32) for _ in range(2)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    ms.export(net, *matrices, file_name=str(FOLDER / name), file_format="MINDIR")
    print(f"wrote {FOLDER / name}.mindir")


if __name__ == "__main__":
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device(DEVICE)
    export(Add(), "tensor_add")
    export(Sub(), "tensor_sub")
