"""TensorFlow Serving's protocols, as far as a folder of models answers them."""

from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from support.http import get, post
from support.tensorflow import call, message

from salver.testing.server import Server, running

FLOAT = 1


def predict_request(signature: str = "", x1: tuple[int, ...] = (2, 2), **spec: Any) -> Any:
    spec = {"name": "add", "signature_name": signature} | spec
    request = message("PredictRequest")(model_spec=spec)
    for name, shape in (("x1", x1), ("x2", (2, 2))):
        tensor = request.inputs.add(key=name).value
        tensor.dtype = FLOAT
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        tensor.float_val.extend(np.arange(1, 1 + np.prod(shape)))
    return request


@pytest.mark.parametrize("spec", [{}, {"version": {"value": 1}}, {"version_label": "1"}])
def test_predict_answers_in_the_fields_of_the_type(server: Server, spec: dict[str, Any]) -> None:
    reply = call(server.address, "PredictionService", "Predict", predict_request(**spec), "PredictResponse")
    assert [entry.key for entry in reply.outputs] == ["y"]
    assert list(reply.outputs[0].value.float_val) == [2, 4, 6, 8]
    assert (reply.model_spec.version.value, reply.model_spec.signature_name) == (1, "serving_default")


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (predict_request(signature="zzz"), "FAILED_PRECONDITION", 'Serving signature key "zzz" not found.'),
        (predict_request(name=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (predict_request(name="nobody"), "NOT_FOUND", "Servable not found for request: Latest(nobody)"),
        (predict_request(version={"value": 7}), "NOT_FOUND", "Servable not found for request: Specific(add, 7)"),
        (predict_request(version_label="x"), "INVALID_ARGUMENT", "Unrecognized servable version label: x"),
        (predict_request(x1=(3, 2)), "INVALID_ARGUMENT", "x1"),
    ],
)
def test_errors_have_the_codes_and_texts_of_the_original(server: Server, request_: Any, code: str, text: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        call(server.address, "PredictionService", "Predict", request_, "PredictResponse")
    assert (raised.value.code().name, text in raised.value.details()) == (code, True), raised.value.details()


def test_the_status_of_a_model(server: Server) -> None:
    request = message("GetModelStatusRequest")(model_spec={"name": "add"})
    reply = call(server.address, "ModelService", "GetModelStatus", request, "GetModelStatusResponse")
    assert [(each.version, each.state) for each in reply.model_version_status] == [(1, 30)]


def test_rest_speaks_rows_and_columns(server: Server) -> None:
    x1, x2 = [[1, 2], [3, 4]], [[1, 1], [1, 1]]
    columns = post(server.address, "/v1/models/add:predict", {"inputs": {"x1": x1, "x2": x2}})
    assert columns.json == {"outputs": [[2.0, 3.0], [4.0, 5.0]]}
    row = {"x1": x1, "x2": x2}
    rows = post(server.address, "/v1/models/add_rows/versions/1:predict", {"instances": [row, row]})
    assert rows.json == {"predictions": [[[2.0, 3.0], [4.0, 5.0]]] * 2}


def test_rest_tells_what_is_there_and_what_is_wrong(server: Server) -> None:
    assert get(server.address, "/v1/models/add").json["model_version_status"][0]["state"] == "AVAILABLE"
    signatures = get(server.address, "/v1/models/add/metadata").json["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["x1"]["dtype"] == "DT_FLOAT"
    empty = post(server.address, "/v1/models/add:predict", b"")
    assert (empty.status, empty.json) == (400, {"error": "JSON Parse error: The document is empty"})
    unknown = post(server.address, "/v1/models/nobody:predict", {"instances": [1]})
    assert (unknown.status, "Latest(nobody)" in unknown.json["error"]) == (404, True)
    assert get(server.address, "/v1/nothing").status == 400


def test_numbers_come_as_bytes_where_that_is_asked_for(models: Path) -> None:
    with running(models, "--tensor-content", "true") as server:
        reply = call(server.address, "PredictionService", "Predict", predict_request(), "PredictResponse")
    [entry] = reply.outputs
    assert list(entry.value.float_val) == []
    assert np.frombuffer(entry.value.tensor_content, np.float32).tolist() == [2, 4, 6, 8]
