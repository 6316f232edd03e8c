"""What TensorFlow 1 exported: graphs with variables of the old kind, and signatures to classify and regress."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from saved_model.texts import example

from salver.runtimes.saved_model import SavedModel
from salver.runtimes.saved_model_file import read_saved_model
from salver.runtimes.workers import load_model

v1 = tf.compat.v1
METHODS = {"serving_default": "predict", "regress": "regress", "classify": "classify", "shapeless": "classify"}
ROWS = np.array([[1, 2], [3, 4]], np.float32)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """y = x w, with w of 1 and 2."""
    folder = tmp_path_factory.mktemp("old") / "1"
    with v1.Graph().as_default(), v1.Session() as session:
        weights = v1.get_variable("w", initializer=[[1.0], [2.0]], use_resource=False)
        x = v1.placeholder(tf.float32, [None, 2])
        examples = v1.placeholder(tf.string, [None])
        features = {"x": v1.io.FixedLenFeature([2], tf.float32)}
        parsed = v1.io.parse_example(examples, features)["x"]
        shapeless = v1.placeholder(tf.string)
        doubled = v1.io.parse_example(shapeless, features)["x"] * 2
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        signatures = {
            "serving_default": _made("predict", {"x": x}, {"y": x @ weights}),
            "regress": _made("regress", {"inputs": examples}, {"outputs": tf.squeeze(parsed @ weights, 1)}),
            "classify": _made("classify", {"inputs": examples}, {"scores": parsed * 2}),
            "shapeless": _made("classify", {"inputs": shapeless}, {"scores": doubled}),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()
    return folder / "saved_model.pb"


def _made(method: str, *sides: dict[str, Any]) -> Any:
    infos = ({name: v1.saved_model.utils.build_tensor_info(each) for name, each in side.items()} for side in sides)
    return v1.saved_model.build_signature_def(*infos, f"tensorflow/serving/{method}")


def test_method_names_are_read(file: Path) -> None:
    assert {name: each.method_name for name, each in read_saved_model(file).signatures.items()} == {
        name: f"tensorflow/serving/{method}" for name, method in METHODS.items()
    }


def test_examples_are_run_together_untried(file: Path) -> None:
    model = load_model(file, {})
    assert isinstance(model, SavedModel)
    together = {name: code.rows_together for name, code in model.methods().items()}
    assert together == {name: method != "predict" for name, method in METHODS.items()}
    examples = [example(1, 2).SerializeToString(), example(3, 4).SerializeToString()]
    assert np.asarray(model.methods()["regress"].run([examples])[0]).tolist() == [5, 11]
    for name in ("classify", "shapeless"):
        assert np.asarray(model.methods()[name].run([examples])[0]).tolist() == [[2, 4], [6, 8]]


@pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
def test_variables_of_the_old_kind_are_read(file: Path, runtime: str) -> None:
    model = load_model(file, {"runtime": runtime, "signature": "serving_default"})
    assert np.asarray(model.run([ROWS])[0]).tolist() == [[5], [11]]
