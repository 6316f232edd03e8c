"""The forms in which servers are asked: how inputs become a body, and how an answer becomes an array again."""

# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from kserve_pb2 import ModelInferRequest, ModelInferResponse
from numpy.typing import NDArray

from benchmarks.workloads import Workload

Array: TypeAlias = NDArray[np.float32]
Inputs: TypeAlias = Mapping[str, Array]

GRPC_PATH: Final = "/inference.GRPCInferenceService/ModelInfer"
GRPC_PREFIX: Final = 5
HEADER_LENGTH: Final = "Inference-Header-Content-Length"
JSON: Final = {"content-type": "application/json"}
BYTES: Final = {"content-type": "application/octet-stream"}


@dataclass(frozen=True)
class Request:
    """One request as it goes over the wire; a gRPC body is the message alone."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """`read` takes the answer's headers (lower case) and body, and returns the output as an array."""

    write: Callable[[Workload, Inputs], Request]
    read: Callable[[Workload, Mapping[str, str], bytes], Array]


def framed(message: bytes) -> bytes:
    """The message behind gRPC's prefix: not compressed, and its length."""
    return struct.pack(">BI", 0, len(message)) + message


def _write_kserve_grpc(workload: Workload, inputs: Inputs) -> Request:
    message = ModelInferRequest(model_name=workload.name)
    for tensor in workload.inputs:
        message.inputs.add(name=tensor.name, datatype="FP32", shape=tensor.shape)
        message.raw_input_contents.append(inputs[tensor.name].tobytes())
    headers = {"content-type": "application/grpc", "te": "trailers"}
    return Request(GRPC_PATH, message.SerializeToString(), headers)


def _read_kserve_grpc(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    answer = ModelInferResponse.FromString(body)
    output = answer.outputs[0]
    _expect(workload, output.name, output.datatype, tuple(output.shape))
    return np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(workload.output.shape)


def _write_kserve_json(workload: Workload, inputs: Inputs) -> Request:
    described = [
        {"name": t.name, "datatype": "FP32", "shape": t.shape, "data": inputs[t.name].ravel().tolist()}
        for t in workload.inputs
    ]
    return Request(_kserve_path(workload), json.dumps({"inputs": described}).encode(), JSON)


def _read_kserve_json(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    output = json.loads(body)["outputs"][0]
    _expect(workload, output["name"], output["datatype"], tuple(output["shape"]))
    return np.asarray(output["data"], np.float32).reshape(workload.output.shape)


def _write_kserve_binary(workload: Workload, inputs: Inputs) -> Request:
    described = [
        {
            "name": t.name,
            "datatype": "FP32",
            "shape": t.shape,
            "parameters": {"binary_data_size": inputs[t.name].nbytes},
        }
        for t in workload.inputs
    ]
    head = json.dumps({"parameters": {"binary_data_output": True}, "inputs": described}).encode()
    tensors = b"".join(inputs[t.name].tobytes() for t in workload.inputs)
    return Request(_kserve_path(workload), head + tensors, {**BYTES, HEADER_LENGTH: str(len(head))})


def _read_kserve_binary(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    split = int(headers[HEADER_LENGTH.lower()])
    output = json.loads(body[:split])["outputs"][0]
    _expect(workload, output["name"], output["datatype"], tuple(output["shape"]))
    if output["parameters"]["binary_data_size"] != len(body) - split:
        raise ValueError("binary_data_size is not the number of bytes behind the JSON part")
    return np.frombuffer(body[split:], np.float32).reshape(workload.output.shape)


def _write_raw(workload: Workload, inputs: Inputs) -> Request:
    return Request("/inference", b"".join(inputs[t.name].tobytes() for t in workload.inputs), BYTES)


def _read_raw(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    return np.frombuffer(body, np.float32).reshape(workload.output.shape)


def _write_json_list(workload: Workload, inputs: Inputs) -> Request:
    floats = np.concatenate([inputs[t.name].ravel() for t in workload.inputs])
    return Request("/predict", json.dumps(floats.tolist()).encode(), JSON)


def _read_json_list(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    return np.asarray(json.loads(body), np.float32).reshape(workload.output.shape)


def _write_json_base64(workload: Workload, inputs: Inputs) -> Request:
    tensors = b"".join(inputs[t.name].tobytes() for t in workload.inputs)
    return Request("/predict", json.dumps({"data": base64.b64encode(tensors).decode()}).encode(), JSON)


def _read_json_base64(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    return np.frombuffer(base64.b64decode(json.loads(body)["data"]), np.float32).reshape(workload.output.shape)


def _kserve_path(workload: Workload) -> str:
    return f"/v2/models/{workload.name}/infer"


def _expect(workload: Workload, name: str, datatype: str, shape: tuple[int, ...]) -> None:
    got, wanted = (name, datatype, shape), (workload.output.name, "FP32", workload.output.shape)
    if got != wanted:
        raise ValueError(f"the answer describes its output as {got}, expected {wanted}")


FORMS: Final = {
    "kserve-grpc": Form(_write_kserve_grpc, _read_kserve_grpc),
    "kserve-json": Form(_write_kserve_json, _read_kserve_json),
    "kserve-binary": Form(_write_kserve_binary, _read_kserve_binary),
    "raw": Form(_write_raw, _read_raw),
    "json-list": Form(_write_json_list, _read_json_list),
    "json-base64": Form(_write_json_base64, _read_json_base64),
}
