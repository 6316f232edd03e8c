"""What Keras 3 and the older Keras export, in every way: read without TensorFlow, and run by both runtimes."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from salver.runtimes.saved_model import SavedModel
from salver.runtimes.saved_model_file import ports, read_saved_model
from salver.runtimes.workers import load_model

PICTURES = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)


def network(layers: Any, *first: Any) -> Any:
    """The tutorial's, but smaller."""
    hidden = [layers.Flatten(), layers.Dense(8, activation="relu"), layers.Dense(10, activation="softmax")]
    return [*first, *hidden]


def keras_3() -> Any:
    return keras.Sequential(network(keras.layers, keras.Input((28, 28, 1))))


def legacy_keras() -> Any:
    tf_keras.backend.clear_session()  # which gives layers their first names again
    flatten = tf_keras.layers.Flatten(input_shape=(28, 28, 1))
    return tf_keras.Sequential([flatten, *network(tf_keras.layers)[1:]])


def named(model: Any, folder: str) -> None:
    """Under names of one's own."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "classify_picture",
        lambda picture: {"scores": model(picture)},
        input_signature=[tf.TensorSpec((None, 28, 28, 1), tf.float32, name="picture")],
    )
    archive.write_out(folder, verbose=False)


WAYS = {
    "Keras 3, export": (keras_3, lambda model, folder: model.export(folder, verbose=False)),
    "Keras 3, saved_model.save": (keras_3, tf.saved_model.save),
    "Keras 3, archive": (keras_3, named),
    "legacy Keras, save": (legacy_keras, lambda model, folder: model.save(folder, save_format="tf")),
    "legacy Keras, export": (legacy_keras, lambda model, folder: model.export(folder)),
}


@pytest.fixture(scope="module", params=WAYS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """The file, and what the model makes of the pictures."""
    made, save = WAYS[request.param]
    model, folder = made(), tmp_path_factory.mktemp("exported")
    save(model, str(folder))
    return folder / "saved_model.pb", np.asarray(model(PICTURES))


def test_the_file_says_what_tensorflow_says(exported: tuple[Path, np.ndarray]) -> None:
    file, _ = exported
    saved = read_saved_model(file)
    restored = tf.saved_model.load(str(file.parent)).signatures
    assert set(saved.signatures) == set(restored)
    for name, signature in saved.signatures.items():
        said = ports(file, name, signature)
        _, inputs = restored[name].structured_input_signature
        for side, specs in ((said.inputs, inputs), (said.outputs, restored[name].structured_outputs)):
            found = {port.name: (port.dtype, [None if dim == "" else dim for dim in port.dims or ()]) for port in side}
            assert found == {each: (spec.dtype.name, spec.shape.as_list()) for each, spec in specs.items()}


@pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
def test_every_signature_gives_what_the_model_gives(exported: tuple[Path, np.ndarray], runtime: str) -> None:
    file, wanted = exported
    model = load_model(file, {"runtime": runtime})
    assert isinstance(model, SavedModel)
    for code in model.methods().values():
        [scores] = code.run([PICTURES])
        np.testing.assert_allclose(scores, wanted, atol=1e-5)


def test_the_older_keras_has_the_names_of_the_tutorial(tmp_path: Path) -> None:
    WAYS["legacy Keras, save"][1](legacy_keras(), str(tmp_path))
    [(name, signature)] = read_saved_model(tmp_path / "saved_model.pb").signatures.items()
    assert (name, list(signature.inputs), list(signature.outputs)) == (
        "serving_default",
        ["flatten_input"],
        ["dense_1"],
    )
