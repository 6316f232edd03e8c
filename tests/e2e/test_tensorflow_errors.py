"""Codes and texts of TensorFlow Serving's errors, from a real server; all of them are tested with the codecs."""

import gzip
import json
from typing import Any

import grpc
import numpy as np
import pytest
from support.http import post, request
from support.tensorflow import call, message, predict

from salver.testing.server import Server

PREDICTION, MODEL = "PredictionService", "ModelService"
ONE = {"x": np.ones((1, 2), np.float32)}


def of(kind: str, spec: dict[str, Any] | None = None, **said: Any) -> Any:
    """A message of this kind to the model scaled."""
    return message(kind)(model_spec={"name": "scaled", **(spec or {})}, **said)


def classify(**spec: Any) -> Any:
    return of("ClassificationRequest", spec, input={"example_list": {"examples": [b""]}})


def tasks(*methods: str) -> Any:
    asked = message("MultiInferenceRequest")(input={"example_list": {"examples": [b""]}})
    for index, method in enumerate(methods):
        asked.tasks.add(model_spec={"name": "scaled", "signature_name": f"s{index}"}, method_name=method)
    return asked


INVALID = "INVALID_ARGUMENT"
NO_MODEL = "Servable not found for request: Latest(nobody)"
NO_FIELD = "GetModelMetadataRequest must specify at least one metadata_field"
NOBODY = {"name": "nobody"}
NINE = {"version": {"value": 9}}
SIGNATURES = {"metadata_field": ["signature_def"]}

# Service, method and request; code and text.
REFUSED: list[tuple[str, str, Any, str, str]] = [
    (PREDICTION, "Predict", message("PredictRequest")(), INVALID, "Missing ModelSpec"),
    (PREDICTION, "Classify", message("ClassificationRequest")(), INVALID, "Missing ModelSpec"),
    (PREDICTION, "Classify", classify(name=""), INVALID, "ModelSpec has no name specified."),
    (PREDICTION, "Classify", classify(**NOBODY), "NOT_FOUND", NO_MODEL),
    (PREDICTION, "Regress", classify(**NOBODY), "NOT_FOUND", NO_MODEL),
    (PREDICTION, "Regress", classify(**NINE), "NOT_FOUND", "Servable not found for request: Specific(scaled, 9)"),
    (PREDICTION, "Classify", classify(version_label="x"), INVALID, "Unrecognized servable version label: x"),
    (PREDICTION, "Classify", classify(signature_name="z"), INVALID, "No signature was found with the name: z"),
    (PREDICTION, "Classify", of("ClassificationRequest"), INVALID, "No classification inputs found in"),
    (PREDICTION, "Regress", of("ClassificationRequest"), INVALID, "No regression inputs found in SignatureDef"),
    (
        PREDICTION,
        "MultiInference",
        tasks("tensorflow/serving/classify"),
        INVALID,
        "Requested signature not found in model graph: s0",
    ),
    (PREDICTION, "MultiInference", message("MultiInferenceRequest")(), INVALID, "Missing ModelSpec"),
    (PREDICTION, "GetModelMetadata", of("GetModelMetadataRequest"), INVALID, NO_FIELD),
    (
        PREDICTION,
        "GetModelMetadata",
        of("GetModelMetadataRequest", metadata_field=["graph"]),
        INVALID,
        "Metadata field graph is not supported",
    ),
    (PREDICTION, "GetModelMetadata", of("GetModelMetadataRequest", NOBODY, **SIGNATURES), "NOT_FOUND", NO_MODEL),
    (
        MODEL,
        "GetModelStatus",
        of("GetModelStatusRequest", NOBODY),
        "NOT_FOUND",
        "Could not find any versions of model nobody",
    ),
    (
        MODEL,
        "GetModelStatus",
        of("GetModelStatusRequest", NINE),
        "NOT_FOUND",
        "Could not find version 9 of model scaled",
    ),
    ("SessionService", "SessionRun", message("Nothing")(), "UNIMPLEMENTED", "unknown method"),
    (PREDICTION, "PredictStreamed", message("Nothing")(), "UNIMPLEMENTED", "unknown method"),
]


@pytest.mark.parametrize(("service", "method", "asked", "code", "text"), REFUSED)
def test_what_is_refused(server: Server, service: str, method: str, asked: Any, code: str, text: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        call(server.address, service, method, asked, "Nothing")
    told = raised.value.code().name, raised.value.details()
    assert (told[0], told[1].startswith(text)) == (code, True), told


def hostile(dtype: int = 1, dims: tuple[int, ...] = (1, 2), **fields: Any) -> Any:
    asked = message("PredictRequest")(model_spec={"name": "scaled"})
    tensor = asked.inputs.add(key="x").value
    tensor.dtype = dtype
    for size in dims:
        tensor.tensor_shape.dim.add(size=size)
    for field, value in fields.items():
        if isinstance(value, bytes):
            setattr(tensor, field, value)
        else:
            getattr(tensor, field).extend(value)
    return asked


UNPARSABLE = "tensor parsing error: x"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (hostile(dims=(2**62, 4), float_val=[1.0]), UNPARSABLE),
        (hostile(dims=(2**40, 2), float_val=[1.0]), "its shape asks for"),
        (hostile(dims=(-1, 2), float_val=[1.0]), UNPARSABLE),
        (hostile(dims=(1,) * 65), "more than 64 dimensions"),
        (hostile(tensor_content=b"\0" * 7), UNPARSABLE),
        (hostile(tensor_content=b"\0" * 12), UNPARSABLE),
        (hostile(dtype=0), UNPARSABLE),
        (hostile(dtype=77), UNPARSABLE),
        (hostile(dtype=7, string_val=[b"\xff"]), "Expects arg[0] to be float but string is provided"),
        # Values in the field of another type are not looked at.
        (hostile(dtype=9, float_val=[1.0]), "Expects arg[0] to be float but int64 is provided"),
    ],
)
def test_hostile_tensors_are_refused_and_the_next_call_is_answered(server: Server, asked: Any, text: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        call(server.address, PREDICTION, "Predict", asked, "PredictResponse")
    assert raised.value.code().name == INVALID
    assert text in raised.value.details()
    assert predict(server.address, ONE, name="scaled")["y"].tolist() == [[2.0, 2.0]]


BOMBS: dict[str, tuple[bytes, str]] = {
    "lists in lists": (b'{"instances":' + b"[" * 1_000_000, "nested more than 100 deep"),
    "objects in objects": (b'{"instances":[' + b'{"x":' * 1_000_000, "nested more than 100 deep"),
    "a long row": (b'{"instances":[[1,' + b"1," * 1_000_000 + b"1]]}", "has the shape"),
    "a large exponent": (b'{"instances":[[1e999999999,1]]}', ""),
    "many digits": (b'{"inputs":[["' + b"9" * 1_000_000 + b'",1]]}', "is not of expected type: float"),
    "no text": (b"\xff\xfe", "JSON Parse error"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_json_bombs_are_refused(server: Server, bomb: str) -> None:
    body, text = BOMBS[bomb]
    for content, headers in ((body, {}), (gzip.compress(body), {"content-encoding": "gzip"})):
        reply = post(server.address, "/v1/models/scaled:predict", content, headers)
        assert (reply.status, text in reply.json["error"]) == (400, True), reply.body[:300]


def test_a_body_that_unpacks_to_very_much_is_given_up(server: Server) -> None:
    bomb = gzip.compress(b" " * (101 << 20), 1)
    reply = post(server.address, "/v1/models/scaled:predict", bomb, {"content-encoding": "gzip"})
    assert (reply.status, "--max-message-mib" in reply.json["error"]) == (413, True)


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/models/scaled:predict", 400, "Malformed request: GET /v1/models/scaled:predict"),
        ("POST", "/v1/models/scaled", 400, "Malformed request: POST /v1/models/scaled"),
        ("PUT", "/v1/models/scaled:predict", 400, "Malformed request: PUT /v1/models/scaled:predict"),
        ("POST", "/v1/models/scaled:predict/x", 400, "Malformed request: "),
        ("POST", "/v1/models/scaled/versions/99999999999999999999:predict", 400, "Failed to convert version: "),
        ("POST", "/v1/models/nobody:predict", 404, NO_MODEL),
        ("POST", "/v1/models/nobody:classify", 404, NO_MODEL),
        ("POST", "/v1/models/scaled/versions/9:predict", 404, "Servable not found for request: Specific(scaled, 9)"),
        ("POST", "/v1/models/scaled/labels/x:predict", 400, "Unrecognized servable version label: x"),
        ("GET", "/v1/models/nobody", 404, "Could not find any versions of model nobody"),
        ("GET", "/v1/models/scaled/versions/9", 404, "Could not find version 9 of model scaled"),
        ("GET", "/v1/models/nobody/metadata", 404, NO_MODEL),
    ],
)
def test_addresses_that_lead_nowhere(server: Server, method: str, path: str, status: int, text: str) -> None:
    examples = {"examples": [{"x": 1.0}]} if path.endswith(":classify") else {"instances": [[1, 2]]}
    reply = request(server.address, method, path, None if method == "GET" else json.dumps(examples).encode())
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert reply.json["error"].startswith(text), reply.json
