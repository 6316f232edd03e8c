"""Trains a small convolutional network on real handwritten digits, and writes `model.onnx` beside this file.

Its filters are random and stay so; what is trained is how that which they find is weighed. So it takes a few seconds,
and no framework beyond scikit-learn.
"""

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper, save
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

FILTERS = np.random.default_rng(0).normal(size=(16, 1, 3, 3)).astype(np.float32)
SEE = [
    helper.make_node("Conv", ["image", "filters"], ["found"]),
    helper.make_node("Relu", ["found"], ["clear"]),
    helper.make_node("MaxPool", ["clear"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
    helper.make_node("Flatten", ["small"], ["features"]),
]
JUDGE = [
    helper.make_node("Gemm", ["features", "weights", "bias"], ["sums"], transB=1),
    helper.make_node("Softmax", ["sums"], ["scores"], axis=1),
]
IMAGE = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 8, 8])
FEATURES = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 144])
SCORES = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 10])


def main() -> None:
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    found = run(model(SEE, [FEATURES], filters=FILTERS), images)[0]
    seen, unseen, seen_labels, unseen_labels = train_test_split(found, labels, test_size=0.2, random_state=0)
    classifier = LogisticRegression(C=10, max_iter=1000).fit(seen, seen_labels)
    weights, bias = (array.astype(np.float32) for array in (classifier.coef_, classifier.intercept_))
    path = Path(__file__).with_name("model.onnx")
    save(model(SEE + JUDGE, [SCORES, FEATURES], filters=FILTERS, weights=weights, bias=bias), path)
    print(f"{path}: reads {classifier.score(unseen, unseen_labels):.1%} of the digits it never saw rightly")


def model(nodes: list, outputs: list, **constants: np.ndarray) -> ModelProto:
    known = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "digits", [IMAGE], outputs, known)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(made)
    return made


def run(network: ModelProto, images: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(network.SerializeToString()).run(None, {"image": images})


if __name__ == "__main__":
    main()
