"""Trains LeNet-5 on handwritten digits, with numpy alone, and writes it, and pictures to try it on:

    python train_lenet.py

It takes some seconds, and needs pillow, scikit-learn and onnx. The network goes to `lenet/1`, for the server, and its
weights to `lenet.npz`, for export_lenet.py. Of each digit a picture that it never saw goes to `test_image`.
"""

import io
from pathlib import Path

import numpy as np
from lenet.servable_config import SIZE, preprocess
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, checker, helper, numpy_helper, save
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

HERE = Path(__file__).resolve().parent
RANDOM = np.random.default_rng(0)
EPOCHS, BATCH, MOMENTUM = 6, 32, 0.9
RATES = np.linspace(0.03, 0.003, EPOCHS, dtype=np.float32)
CORNERS = [np.s_[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]


class Weighted:
    """A layer with weights; each step goes on in the direction of the last ones."""

    rate = 0.0

    def __init__(self, *shape):
        fan_in = np.prod(shape[1:])
        self.weights = RANDOM.normal(size=shape, scale=np.sqrt(2 / fan_in)).astype(np.float32)
        self.bias = np.zeros(shape[0], np.float32)
        self.steps = [np.zeros_like(self.weights), np.zeros_like(self.bias)]

    def learn(self, *slopes):
        for value, step, slope in zip((self.weights, self.bias), self.steps, slopes, strict=True):
            np.subtract(MOMENTUM * step, Weighted.rate * slope, out=step)
            np.add(value, step, out=value)


class Conv(Weighted):
    """5x5 filters: [n, channels, h, w] to [n, filters, h - 4, w - 4]."""

    def forward(self, x):
        self.patches = sliding_window_view(x, (5, 5), (2, 3)).transpose(0, 2, 3, 1, 4, 5)
        n, height, width = self.patches.shape[:3]
        self.patches = self.patches.reshape(n * height * width, -1)
        y = self.patches @ self.weights.reshape(len(self.weights), -1).T + self.bias
        return y.reshape(n, height, width, -1).transpose(0, 3, 1, 2)

    def backward(self, slope):
        n, filters, height, width = slope.shape
        flat = slope.transpose(0, 2, 3, 1).reshape(-1, filters)
        back = flat @ self.weights.reshape(filters, -1) if self is not LENET[0] else None
        self.learn((flat.T @ self.patches).reshape(self.weights.shape), flat.sum(0))
        return back if back is None else folded(back.reshape(n, height, width, -1, 5, 5))


def folded(patches):
    """What lies at the same place of an image is added up."""
    n, height, width, channels, *_ = patches.shape
    image = np.zeros((n, channels, height + 4, width + 4), np.float32)
    for row in range(5):
        for column in range(5):
            part = patches[..., row, column].transpose(0, 3, 1, 2)
            image[:, :, row : row + height, column : column + width] += part
    return image


class Dense(Weighted):
    def forward(self, x):
        self.seen = x
        return x @ self.weights.T + self.bias

    def backward(self, slope):
        back = slope @ self.weights
        self.learn(slope.T @ self.seen, slope.sum(0))
        return back


class Relu:
    def forward(self, x):
        self.kept = x > 0
        return x * self.kept

    def backward(self, slope):
        return slope * self.kept


class Pool:
    """The largest of every 2x2 values."""

    def forward(self, x):
        self.seen, self.largest = x, np.maximum.reduce([x[place] for place in CORNERS])
        return self.largest

    def backward(self, slope):
        back = np.empty_like(self.seen)
        for place in CORNERS:
            back[place] = slope * (self.seen[place] == self.largest)
        return back


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, slope):
        return slope.reshape(self.shape)


LENET = [
    *(Conv(6, 1, 5, 5), Relu(), Pool()),
    *(Conv(16, 6, 5, 5), Relu(), Pool()),
    *(Flatten(), Dense(120, 400), Relu(), Dense(84, 120), Relu(), Dense(10, 84)),
]
NODES = {Conv: "Conv", Dense: "Gemm", Relu: "Relu", Pool: "MaxPool", Flatten: "Flatten"}
ATTRIBUTES = {Dense: {"transB": 1}, Pool: {"kernel_shape": [2, 2], "strides": [2, 2]}}


def main():
    scans, labels = load_digits(return_X_y=True)
    pictures = [png(scan) for scan in scans]
    images = np.stack([preprocess(np.frombuffer(each, np.uint8)) for each in pictures])
    seen, unseen = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=0, stratify=labels)
    for epoch, Weighted.rate in enumerate(RATES):
        # The products are small: with several threads each would mostly wait for the others.
        with threadpool_limits(1):
            for batch in np.array_split(RANDOM.permutation(seen), len(seen) // BATCH):
                train(images[batch], labels[batch])
        print(f"epoch {epoch + 1}: {accuracy(images[unseen], labels[unseen]):.1%} of unseen digits are read rightly")
    write_network()
    write_pictures({int(labels[index]): pictures[index] for index in unseen[::-1]})


def png(scan):
    """A scan of 8x8 grey values as a picture of 28x28 pixels."""
    grey = Image.fromarray((scan.reshape(8, 8) * 255 / 16).astype(np.uint8))
    buffer = io.BytesIO()
    grey.resize((28, 28), Image.Resampling.BICUBIC).save(buffer, "png")
    return buffer.getvalue()


def scores(images):
    for layer in LENET:
        images = layer.forward(images)
    return images


def train(images, labels):
    """One step down the slope of the cross entropy."""
    slope = scores(images)
    slope = np.exp(slope - slope.max(1, keepdims=True))
    slope /= slope.sum(1, keepdims=True)
    slope[np.arange(len(labels)), labels] -= 1
    slope /= len(labels)
    for layer in LENET[::-1]:
        slope = layer.backward(slope)


def accuracy(images, labels):
    return (scores(images).argmax(1) == labels).mean()


def write_network():
    weighted = {f"{type(each).__name__.lower()}{index}": each for index, each in enumerate(LENET)}
    weights = {}
    nodes, value = [], "image"
    for index, (name, layer) in enumerate(weighted.items()):
        constants = {}
        if isinstance(layer, Weighted):
            constants = {f"{name}.weight": layer.weights, f"{name}.bias": layer.bias}
        weights |= constants
        output = "score" if index == len(LENET) - 1 else f"value{index}"
        attributes = ATTRIBUTES.get(type(layer), {})
        nodes.append(helper.make_node(NODES[type(layer)], [value, *constants], [output], **attributes))
        value = output
    graph = helper.make_graph(
        nodes,
        "lenet",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, SIZE, SIZE])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    folder = HERE / "lenet" / "1"
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder / "lenet.onnx")
    np.savez(HERE / "lenet.npz", **weights)


def write_pictures(of_digits):
    (HERE / "test_image").mkdir(exist_ok=True)
    for digit, picture in of_digits.items():
        (HERE / "test_image" / f"{digit}.png").write_bytes(picture)


if __name__ == "__main__":
    main()
