"""Trains a small convolutional network on two photographs, and writes it, and images to try it on:

    python make_model.py

The network goes to `resnet50/1`, pieces of the photographs that it never saw go to `test_image`. Its filters are
random and stay so; what is trained is how that which they find is weighed, which takes some seconds.
"""

import io
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper, save
from PIL import Image
from resnet50.labels import LABELS
from resnet50.servable_config import SIZE, preprocess
from sklearn.datasets import load_sample_image
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).resolve().parent
PHOTOGRAPHS = {"temple": "china.jpg", "flower": "flower.jpg"}
SIDE = 120
PIECES = 150
RANDOM = np.random.default_rng(0)

FILTERS = RANDOM.normal(size=(32, 3, 5, 5)).astype(np.float32)
SEE = [
    helper.make_node("Conv", ["image", "filters"], ["found"], strides=[2, 2]),
    helper.make_node("Relu", ["found"], ["clear"]),
    helper.make_node("GlobalAveragePool", ["clear"], ["means"]),
    helper.make_node("Flatten", ["means"], ["features"]),
]
JUDGE = [helper.make_node("Gemm", ["features", "weights", "bias"], ["score"])]


def main():
    photographs = [Image.fromarray(load_sample_image(PHOTOGRAPHS[label])) for label in LABELS]
    images, labels = pieces_of(photographs, "left")
    see = onnxruntime.InferenceSession(network(SEE, "features", 32, filters=FILTERS).SerializeToString())
    classifier = LogisticRegression(max_iter=1000).fit(see.run(None, {"image": images})[0], labels)
    # Two classes are told apart by one sum; each of them gets a score, as in any other network.
    weights = np.concatenate([-classifier.coef_, classifier.coef_]).T.astype(np.float32)
    bias = np.concatenate([-classifier.intercept_, classifier.intercept_]).astype(np.float32)
    model = network(SEE + JUDGE, "score", len(LABELS), filters=FILTERS, weights=weights, bias=bias)
    report(model, *pieces_of(photographs, "right"))
    write(model, photographs)


def pieces_of(photographs, half):
    """Random pieces of one half of each photograph, as the network takes them, and their labels."""
    pieces = [png(piece(photograph, half)) for photograph in photographs for _ in range(PIECES)]
    images = np.stack([preprocess(np.frombuffer(each, np.uint8)) for each in pieces])
    return images, np.repeat(np.arange(len(photographs)), PIECES)


def piece(photograph, half):
    middle = photograph.width // 2
    first, last = (0, middle - SIDE) if half == "left" else (middle, photograph.width - SIDE)
    x, y = RANDOM.integers(first, last), RANDOM.integers(photograph.height - SIDE)
    return photograph.crop((x, y, x + SIDE, y + SIDE))


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def network(nodes, output, width, **constants) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "resnet50",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model


def report(model, images, labels):
    [scores] = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": images})
    print(f"{(scores.argmax(axis=1) == labels).mean():.1%} of {len(labels)} pieces that it never saw are told rightly")


def write(model, photographs):
    for folder in (HERE / "resnet50" / "1", HERE / "test_image"):
        folder.mkdir(exist_ok=True)
    save(model, HERE / "resnet50" / "1" / "resnet50_1b.onnx")
    for label, photograph in zip(LABELS, photographs, strict=True):
        for number, form in enumerate(("jpg", "png")):
            piece(photograph, "right").save(HERE / "test_image" / f"{label}_{number}.{form}")


if __name__ == "__main__":
    main()
