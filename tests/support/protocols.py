"""The same rows through every protocol, and their outputs in one form: Python values, bytes and text alike as bytes."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from support.http import post
from tritonclient.utils import np_to_triton_dtype

from mindspore_serving.client import Client

Row = Mapping[str, Any]
# (address, "servable.method", rows) -> the outputs of each row
Protocol = Callable[[str, str, Sequence[Row]], list[dict[str, Any]]]


def plain_json(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    sent = [{name: _to_json(value) for name, value in row.items()} for row in rows]
    reply = post(address, f"/servables/{target.replace('.', '/')}", sent)
    assert reply.status == 200, reply.body
    return [{name: _from_json(value) for name, value in row.items()} for row in reply.json]


def kserve_grpc(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    with triton_grpc.InferenceServerClient(address) as client:
        result = client.infer(target, _tensors(triton_grpc.InferInput, rows))
    return _rows({each.name: result.as_numpy(each.name) for each in result.get_response().outputs}, len(rows))


def kserve_http(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    with triton_http.InferenceServerClient(address) as client:
        result = client.infer(target, _tensors(triton_http.InferInput, rows))
    return _rows({each["name"]: result.as_numpy(each["name"]) for each in result.get_response()["outputs"]}, len(rows))


def mindspore(address: str, target: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    servable, _, method = target.partition(".")
    replies = Client(address, servable, method).infer([{name: _document(v) for name, v in row.items()} for row in rows])
    # The error of a single row comes by itself.
    replies = [replies] if isinstance(replies, dict) else replies
    return [{name: _plain(value) for name, value in reply.items()} for reply in replies]


PROTOCOLS: dict[str, Protocol] = {
    "plain JSON": plain_json,
    "KServe gRPC": kserve_grpc,
    "KServe HTTP": kserve_http,
    "MindSpore": mindspore,
}


def _tensors(kind: Any, rows: Sequence[Row]) -> list[Any]:
    """One tensor for each input, with the rows in front; all rows must have the same inputs."""
    tensors = []
    for name in rows[0]:
        values = [_document(row[name]) for row in rows]
        text = isinstance(values[0], str | bytes)
        encoded = [each.encode() if isinstance(each, str) else each for each in values]
        array = np.array(encoded, object) if text else np.stack(values)
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
    return value.encode() if isinstance(value, str) else value


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    return _plain(value)
