"""Models that TensorFlow runs, because OpenVINO cannot or may not, and records as TensorFlow's own writer has them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from saved_model.texts import Texts, example, save
from support.saved_models import DOUBLE, FLOAT, INT64, scaled, several, tensor, unary, written
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import prediction_log_pb2

from salver.problems import Unusable
from salver.runtimes.saved_model import SavedModel
from salver.runtimes.warm_up_records import FILE
from salver.runtimes.workers import ModelCode, load_model

ROWS = np.array([[1, 2], [3, 4]], np.float32)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version's folder."""
    return save(Texts(), tmp_path_factory.mktemp("texts") / "1")


def loaded(file: Path, **options: Any) -> SavedModel:
    model = load_model(file, options)
    assert isinstance(model, SavedModel)
    return model


def methods(folder: Path) -> dict[str, ModelCode]:
    return dict(loaded(folder / "saved_model.pb").methods())


def test_text_and_examples_are_run(texts: Path) -> None:
    found = methods(texts)
    assert found["shout"].run([[b"one", b"two"]]) == [[b"ONE", b"TWO"]]
    examples = [example(1, 2).SerializeToString(), example(3, 4).SerializeToString()]
    assert np.asarray(found["regress"].run([examples])[0]).tolist() == [3, 7]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (unary("Digamma"), "run by TensorFlow, for OpenVINO has no rule for the operations Digamma"),
        (unary("Neg", DOUBLE), "run by TensorFlow, for OpenVINO computes float64 as float32"),
        (unary("Neg", INT64), "run by TensorFlow, for OpenVINO computes int64 as int32"),
        (scaled(2), "run by OpenVINO, which computes in float32"),
    ],
)
def test_the_choice_and_its_reason_are_told(tmp_path: Path, content: bytes, note: str) -> None:
    assert loaded(written(tmp_path, "model", content)).notes == (note,)


def test_it_can_be_forced(tmp_path: Path) -> None:
    file = written(tmp_path, "model", several())
    for runtime in ("tensorflow", "openvino"):
        model = loaded(file, runtime=runtime)
        assert model.runtime == runtime
        outputs = {name: code.run([ROWS] * len(code.inputs)) for name, code in model.methods().items()}
        np.testing.assert_array_equal(outputs["serving_default"], [2 * ROWS])
        np.testing.assert_array_equal(outputs["sum"], [2 * ROWS])
        np.testing.assert_array_equal(outputs["swapped"], [2 * ROWS, ROWS])


def test_a_value_that_the_model_does_not_take_is_the_callers_fault(texts: Path) -> None:
    found = methods(texts)
    with pytest.raises(ValueError, match=r"^indices\[0\] = 7 is not in \[0, 3\)$"):
        found["serving_default"].run([np.array([7], np.int32)])
    with pytest.raises(ValueError, match=r"^Could not parse example input, value: 'one'$"):
        found["regress"].run([[b"one"]])
    assert np.asarray(found["serving_default"].run([np.array([2], np.int32)])[0]).tolist() == [4]


def test_damaged_variables_are_a_problem(texts: Path, tmp_path: Path) -> None:
    shutil.copytree(texts, tmp_path / "1")
    [shard] = (tmp_path / "1" / "variables").glob("*.data-*")
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(Unusable, match="can be run neither by TensorFlow, which cannot load it: "):
        loaded(tmp_path / "1" / "saved_model.pb")


def logs() -> list[prediction_log_pb2.PredictionLog]:
    """One of each kind, each with what only it has."""
    made = [prediction_log_pb2.PredictionLog() for _ in range(4)]
    predict = made[0].predict_log.request
    predict.inputs["index"].CopyFrom(tf.make_tensor_proto([0, 2], tf.int32))
    regress = made[1].regress_log.request
    regress.model_spec.signature_name = "regress"
    regress.input.example_list.examples.extend([example(1, 2), example(3, 4)])
    common = made[2].regress_log.request
    common.model_spec.signature_name = "regress"
    common.input.example_list_with_context.context.CopyFrom(example(5, 6))
    common.input.example_list_with_context.examples.add()
    multi = made[3].multi_inference_log.request
    multi.tasks.add().model_spec.signature_name = "regress"
    multi.input.example_list.examples.append(example(1, 2))
    return made


def write(folder: Path, records: list[prediction_log_pb2.PredictionLog]) -> Path:
    file = folder / FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for each in records:
            writer.write(each.SerializeToString())
    return file


def test_records_that_tensorflow_wrote_are_run(texts: Path, tmp_path: Path) -> None:
    shutil.copytree(texts, tmp_path / "1")
    large = prediction_log_pb2.PredictionLog()
    large.predict_log.request.inputs["index"].CopyFrom(tf.make_tensor_proto(np.zeros(5000, np.int32)))
    write(tmp_path / "1", [*logs(), large])
    loaded(tmp_path / "1" / "saved_model.pb").warm_up()


def test_a_record_that_fails_is_told_with_its_number(texts: Path, tmp_path: Path) -> None:
    shutil.copytree(texts, tmp_path / "1")
    bad = prediction_log_pb2.PredictionLog()
    bad.predict_log.request.inputs["index"].CopyFrom(tf.make_tensor_proto([7], tf.int32))
    file = write(tmp_path / "1", [*logs(), bad])
    with pytest.raises(Unusable, match="is not in") as refused:
        loaded(tmp_path / "1" / "saved_model.pb").warm_up()
    assert refused.value.problem.where == f"{file} record 5"


def test_a_tensor_of_ours_is_one_of_tensorflows() -> None:
    """The tests of the main environment rely on it."""
    mine = tf.make_ndarray(tensor_pb2.TensorProto.FromString(tensor(FLOAT, [2, 1], 1, 2)))
    assert mine.tolist() == [[1], [2]]
