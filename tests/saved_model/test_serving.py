"""A model that only TensorFlow runs, behind a real server, asked by the real stubs."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import tensorflow as tf
from saved_model.texts import Texts, example, save
from support.saved_models import unary, written
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from salver.testing.server import Server, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models = tmp_path_factory.mktemp("models")
    save(Texts(), models / "texts" / "1")
    written(models, "forced", unary("Neg"), settings='[saved_model]\nruntime = "tensorflow"\n')
    with running(models, timeout=50) as server:
        yield server


@pytest.fixture(scope="module")
def stub(server: Server) -> Iterator[Any]:
    with grpc.insecure_channel(server.address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def predict(stub: Any, model: str, signature: str = "", **inputs: Any) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return stub.Predict(request, 30.0)


def test_the_choice_and_its_reason_are_printed(server: Server) -> None:
    assert "run by TensorFlow, for OpenVINO takes no text from callers" in server.output
    assert "run by TensorFlow, as [saved_model] runtime says" in server.output


def test_text_goes_in_and_out(stub: Any) -> None:
    reply = predict(stub, "texts", "shout", text=["one", "two"])
    assert tf.make_ndarray(reply.outputs["loud"]).tolist() == [b"ONE", b"TWO"]


def test_the_default_signature_is_meant_by_no_name(stub: Any) -> None:
    assert list(predict(stub, "texts", index=tf.constant([2, 0])).outputs["item"].float_val) == [4, 1]
    assert list(predict(stub, "forced", x=[[1.0, -2.0]]).outputs["y"].float_val) == [-1, 2]


def test_examples_are_regressed(stub: Any) -> None:
    request = regression_pb2.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "texts", "regress"
    request.input.example_list.examples.extend([example(1, 2), example(3, 4)])
    assert [each.value for each in stub.Regress(request, 30.0).result.regressions] == [3, 7]


def test_examples_are_classified_with_every_class(stub: Any) -> None:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "texts", "classify"
    request.input.example_list.examples.extend([example(1, 2), example(3, 4)])
    found = stub.Classify(request, 30.0).result.classifications
    assert [[(each.label, each.score) for each in one.classes] for one in found] == [
        [("small", 1), ("large", 2)],
        [("small", 3), ("large", 4)],
    ]


def test_rows_of_several_texts_go_in_and_out(stub: Any) -> None:
    reply = predict(stub, "texts", "join", words=[["a", "b"], ["c", ""]])
    assert tf.make_ndarray(reply.outputs["joined"]).tolist() == [b"ab", b"c"]


def test_a_value_that_the_model_does_not_take_is_told_in_its_words(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        predict(stub, "texts", index=tf.constant([7]))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == "the model 'serving_default' failed: indices[0] = 7 is not in [0, 3)"


def test_an_unknown_signature_is_told_so(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        predict(stub, "texts", "whisper", text=["one"])
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.details() == 'Serving signature key "whisper" not found.'


def test_metadata_is_that_of_the_file(stub: Any) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "texts"
    found = get_model_metadata_pb2.SignatureDefMap()
    stub.GetModelMetadata(request, 30.0).metadata["signature_def"].Unpack(found)
    assert sorted(found.signature_def) == ["classify", "join", "regress", "serving_default", "shout"]
    index = found.signature_def["serving_default"].inputs["index"]
    assert index.name == "serving_default_index:0"
    assert (index.dtype, [dim.size for dim in index.tensor_shape.dim]) == (tf.int32.as_datatype_enum, [-1])
