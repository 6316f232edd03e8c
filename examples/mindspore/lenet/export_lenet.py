"""Exports the network that train_lenet.py has trained as MindIR, to where `lenet` has its model: python export_lenet.py

Needs MindSpore (`pip install 'salver[mindspore]'`). Remove `lenet/1/lenet.onnx` to have this file run in its place.
"""

from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn

DEVICE = "CPU"  # "Ascend" or "GPU" where there is one; the file is the same
HERE = Path(__file__).resolve().parent


class LeNet5(nn.Cell):
    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(1, 6, 5, pad_mode="valid", has_bias=True)
        self.conv3 = nn.Conv2d(6, 16, 5, pad_mode="valid", has_bias=True)
        self.dense7 = nn.Dense(400, 120)
        self.dense9 = nn.Dense(120, 84)
        self.dense11 = nn.Dense(84, 10)
        self.pool = nn.MaxPool2d(2, 2)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()

    def construct(self, image):
        x = self.pool(self.relu(self.conv0(image)))
        x = self.pool(self.relu(self.conv3(x)))
        x = self.relu(self.dense7(self.flatten(x)))
        return self.dense11(self.relu(self.dense9(x)))


def export():
    net = LeNet5()
    weights = {name: ms.Parameter(ms.Tensor(array)) for name, array in np.load(HERE / "lenet.npz").items()}
    ms.load_param_into_net(net, weights)
    folder = HERE / "lenet" / "1"
    folder.mkdir(parents=True, exist_ok=True)
    # Any number of images at once, so that those of all callers are run together.
    images = ms.Tensor(shape=[None, 1, 32, 32], dtype=ms.float32)
    ms.export(net, images, file_name=str(folder / "lenet"), file_format="MINDIR")
    print(f"wrote {folder / 'lenet.mindir'}")


if __name__ == "__main__":
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device(DEVICE)
    export()
