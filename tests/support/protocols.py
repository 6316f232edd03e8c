"""The same rows through every protocol, and their outputs in one form: Python values, bytes and text alike as bytes.

What is refused is a `Refused`, with the kinds of error that the protocol's code may stand for.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from support import tensorflow
from support.http import Reply, get, post
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from mindspore_serving.client import Client

Row = Mapping[str, Any]
# (address, "servable.method", rows) -> the outputs of each row
Protocol = Callable[[str, str, Sequence[Row]], list[dict[str, Any]]]

# MindSpore Serving's codes.
FAILED, INVALID_INPUTS, SYSTEM_ERROR, WORKER_UNAVAILABLE = 1, 2, 3, 4

KINDS = {
    "caller": {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", 400, 404, INVALID_INPUTS},
    "server": {"INTERNAL", "UNKNOWN", 500, FAILED, SYSTEM_ERROR},
    "unavailable": {"UNAVAILABLE", "RESOURCE_EXHAUSTED", 503, 413, FAILED, WORKER_UNAVAILABLE},
    "unsupported": {"UNIMPLEMENTED", 501, FAILED},
}
"""Whose fault it is, or that it is nobody's: the codes of gRPC, HTTP and MindSpore Serving that say so."""


class Refused(Exception):
    """`kinds` are what the code may stand for: with a code of None anything."""

    def __init__(self, code: object, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.kinds = {kind for kind, codes in KINDS.items() if code is None or code in codes}


def plain_json(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    sent = [{name: _to_json(value) for name, value in row.items()} for row in rows]
    reply = _checked(post(address, f"/servables/{target.replace('.', '/')}", sent))
    return [{name: _from_json(value) for name, value in row.items()} for row in reply]


def kserve_grpc(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    with triton_grpc.InferenceServerClient(address) as client:
        result = _infer(client, target, _tensors(triton_grpc.InferInput, rows))
    return _rows({each.name: result.as_numpy(each.name) for each in result.get_response().outputs}, len(rows))


def kserve_http(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    with triton_http.InferenceServerClient(address) as client:
        result = _infer(client, target, _tensors(triton_http.InferInput, rows))
    return _rows({each["name"]: result.as_numpy(each["name"]) for each in result.get_response()["outputs"]}, len(rows))


def kserve_json(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    inputs = [
        {
            "name": name,
            "datatype": np_to_triton_dtype(array.dtype),
            "shape": array.shape,
            "data": [_text(each) for each in array.ravel().tolist()],
        }
        for name, array in _arrays(rows).items()
    ]
    reply = _checked(post(address, f"/v2/models/{target}/infer", {"inputs": inputs}))
    arrays = {each["name"]: np.array(each["data"], object).reshape(each["shape"]) for each in reply["outputs"]}
    return _rows(arrays, len(rows))


def tensorflow_grpc(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    model, _, signature = target.partition(".")
    try:
        outputs = tensorflow.predict(address, _arrays(rows), name=model, signature_name=signature)
    except grpc.RpcError as error:
        raise Refused(error.code().name, error.details() or "") from None
    return _rows(outputs, len(rows))


def tensorflow_rest(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    model, _, signature = target.partition(".")
    instances = [{name: _to_json(_document(value)) for name, value in row.items()} for row in rows]
    body = {"instances": instances, **({"signature_name": signature} if signature else {})}
    reply = _checked(post(address, f"/v1/models/{model}:predict", body))["predictions"]
    metadata = _checked(get(address, f"/v1/models/{model}/metadata"))["metadata"]["signature_def"]
    outputs = metadata["signature_def"][signature or "serving_default"]["outputs"]
    # The name of an output that is the only one is left out.
    named = reply if len(outputs) > 1 else [dict.fromkeys(outputs, value) for value in reply]
    return [{name: _from_json(value) for name, value in row.items()} for row in named]


def mindspore_grpc(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    _skip_arrays_of_text(rows)
    servable, _, method = target.partition(".")
    client = Client(address, servable, method)
    request = client._request([{name: _document(value) for name, value in row.items()} for row in rows])
    try:
        reply = client.stub.Predict(request, timeout=50)
    except grpc.RpcError as error:
        raise Refused(error.code().name, error.details() or "") from None
    failed = [each for each in reply.error_msg if each.error_code]
    if failed and len(failed) in (1, len(rows)):
        raise Refused(failed[0].error_code, failed[0].error_msg.decode())
    answers = client.infer([{name: _document(value) for name, value in row.items()} for row in rows])
    return [{name: _plain(value) for name, value in row.items()} for row in answers]


def mindspore_rest(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    _skip_arrays_of_text(rows)
    sent = [{name: _typed(_document(value)) for name, value in row.items()} for row in rows]
    reply = _checked(post(address, f"/model/{target.replace('.', ':')}", {"instances": sent}))
    if "error_msg" in reply:
        raise Refused(None, reply["error_msg"])
    return [{name: _from_json(value) for name, value in row.items()} for row in reply["instances"]]


PROTOCOLS: dict[str, Protocol] = {
    "plain JSON": plain_json,
    "KServe gRPC": kserve_grpc,
    "KServe HTTP": kserve_http,
    "KServe JSON": kserve_json,
    "TensorFlow gRPC": tensorflow_grpc,
    "TensorFlow REST": tensorflow_rest,
    "MindSpore": mindspore_grpc,
    "MindSpore REST": mindspore_rest,
}


def _skip_arrays_of_text(rows: Sequence[Row]) -> None:
    if any(isinstance(value, np.ndarray) and value.dtype == object for row in rows for value in row.values()):
        pytest.skip("MindSpore Serving has one text for a value, not arrays of it")


def _infer(client: Any, target: str, inputs: list[Any]) -> Any:
    try:
        return client.infer(target, inputs)
    except InferenceServerException as error:
        status = error.status() or "StatusCode.UNKNOWN"
        code = int(status) if status.isdigit() else status.removeprefix("StatusCode.")
        raise Refused(code, error.message()) from None


def _checked(reply: Reply) -> Any:
    """The document. Raises Refused."""
    if reply.status != 200:
        # Plain JSON tells of each row what became of it.
        document = reply.json if isinstance(reply.json, dict) else next(row for row in reply.json if "error" in row)
        error = document["error"]
        raise Refused(reply.status, error["message"] if isinstance(error, dict) else error)
    return reply.json


def _arrays(rows: Sequence[Row]) -> dict[str, Any]:
    """One array for each input, with the rows in front; all rows must have the same inputs."""
    arrays = {}
    for name in rows[0]:
        values = [_document(row[name]) for row in rows]
        text = isinstance(values[0], str | bytes)
        encoded = [each.encode() if isinstance(each, str) else each for each in values]
        arrays[name] = np.array(encoded, object) if text else np.stack(values)
    return arrays


def _tensors(kind: Any, rows: Sequence[Row]) -> list[Any]:
    tensors = []
    for name, array in _arrays(rows).items():
        tensors.append(kind(name, list(array.shape), np_to_triton_dtype(array.dtype)))
        tensors[-1].set_data_from_numpy(array)
    return tensors


def _rows(outputs: Mapping[str, Any], rows: int) -> list[dict[str, Any]]:
    assert all(len(array) == rows for array in outputs.values())
    return [{name: _plain(array[row]) for name, array in outputs.items()} for row in range(rows)]


def _document(value: Any) -> Any:
    """A JSON document is text for protocols that have nothing for it; Python's numbers are numpy's."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return value if isinstance(value, str | bytes) else np.asarray(value)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.encode() if isinstance(value, str) else value


def _text(value: Any) -> Any:
    """For JSON that has no other form for bytes."""
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        pytest.skip("bytes that are no text cannot be sent so")


def _to_json(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list):
        return [_to_json(each) for each in value]
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _typed(value: Any) -> Any:
    """As MindSpore Serving's REST has values whose type is to be said; text says it itself."""
    if isinstance(value, str | bytes):
        return _to_json(value)
    name = value.dtype.name.replace("float", "fp")
    return {"b64": base64.b64encode(value.tobytes()).decode(), "type": name, "shape": value.shape}


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    return [_from_json(each) for each in value] if isinstance(value, list) else _plain(value)
