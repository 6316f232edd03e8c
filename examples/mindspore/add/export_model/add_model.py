"""Export the sum of two 2x2 matrices as MindIR, and copy it to where the servable `add` has its model.

Needs MindSpore (`pip install 'salver[mindspore]'`), and is run in its own folder: python add_model.py
"""

import shutil
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn, ops

DEVICE = "CPU"  # "Ascend" or "GPU" where there is one; the file is the same
MODEL = "tensor_add"
VERSION = Path("../add/1")


class Add(nn.Cell):
    """`x_ + y_`; the names of the arguments become those of the model's inputs."""

    def __init__(self):
        super().__init__()
        self.add = ops.Add()

    def construct(self, x_, y_):
        return self.add(x_, y_)


def export():
    """Write the model here, copy it to its version's folder, and show what it does."""
    x, y = np.ones((2, 2), np.float32), np.ones((2, 2), np.float32)
    net = Add()
    output = net(ms.Tensor(x), ms.Tensor(y))
    ms.export(net, ms.Tensor(x), ms.Tensor(y), file_name=MODEL, file_format="MINDIR")
    VERSION.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(f"{MODEL}.mindir", VERSION / f"{MODEL}.mindir")
    print(f"copy {MODEL}.mindir to {VERSION} success")
    print(x)
    print(y)
    print(output.asnumpy())


if __name__ == "__main__":
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device(DEVICE)
    export()
