"""Two small real models as a folder to serve: `python examples/models.py models`.

`add` adds two 2x2 matrices. `digits` reads handwritten digits: a small neural network, trained here in a few seconds
on the 8x8 scans that scikit-learn ships, and written down as ONNX.
"""

import sys
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper, save

OPSET = 17


def make_model(nodes, inputs, outputs, constants=()) -> ModelProto:
    """One graph as a checked model; inputs and outputs are (name, element type, dims)."""
    graph = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model)
    return model


def write(model: ModelProto, directory: Path, name: str, version: int = 1) -> Path:
    """Put a model where `salver serve` looks for it."""
    path = directory / name / str(version) / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, path)
    return path


def add() -> ModelProto:
    """`y = x1 + x2`, all 2x2."""
    ports = [(name, TensorProto.FLOAT, [2, 2]) for name in ("x1", "x2", "y")]
    return make_model([helper.make_node("Add", ["x1", "x2"], ["y"])], ports[:2], ports[2:])


def trained_digits():
    """A classifier of handwritten digits, and how many digits it never saw it reads rightly."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    images, labels = load_digits(return_X_y=True)
    scaled = (images / 16).astype(np.float32)
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        scaled, labels, test_size=0.2, random_state=0, stratify=labels
    )
    classifier = MLPClassifier((64,), max_iter=500, random_state=0)
    classifier.fit(seen, seen_labels)
    return classifier, classifier.score(unseen, unseen_labels), unseen, unseen_labels


def digits(classifier) -> ModelProto:
    """The classifier as ONNX: any number of digits at once, each as 64 grey values from 0 to 1."""
    layers = list(zip(classifier.coefs_, classifier.intercepts_, strict=True))
    nodes, constants, value = [], [], "pixels"
    for index, (weights, bias) in enumerate(layers):
        constants += [(f"w{index}", weights.astype(np.float32)), (f"b{index}", bias.astype(np.float32))]
        nodes.append(helper.make_node("Gemm", [value, f"w{index}", f"b{index}"], [f"sum{index}"]))
        last = index == len(layers) - 1
        nodes.append(
            helper.make_node("Softmax", [f"sum{index}"], ["probabilities"], axis=1)
            if last
            else helper.make_node("Relu", [f"sum{index}"], [f"layer{index}"])
        )
        value = f"layer{index}"
    nodes.append(helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0))
    outputs = [("label", TensorProto.INT64, ["n"]), ("probabilities", TensorProto.FLOAT, ["n", 10])]
    return make_model(nodes, [("pixels", TensorProto.FLOAT, ["n", 64])], outputs, constants)


def main(directory: Path) -> None:
    write(add(), directory, "add")
    print("add: y = x1 + x2, for 2x2 matrices")
    print("digits: training on 1437 handwritten digits ...", flush=True)
    classifier, accuracy, _, labels = trained_digits()
    write(digits(classifier), directory, "digits")
    print(f"digits: reads {accuracy:.1%} of {len(labels)} digits it never saw rightly")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("models"))
