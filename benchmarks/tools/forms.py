"""The forms in which servers are asked: how inputs become a body, and how an answer becomes an array again."""

# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from kserve_pb2 import ModelInferRequest, ModelInferResponse
from ms_service_pb2 import MS_FLOAT32, MS_INT64, PredictReply, PredictRequest
from predict_pb2 import PredictRequest as TensorFlowRequest
from predict_pb2 import PredictResponse as TensorFlowResponse
from services_pb2 import Box, Counted, Image, Message, Nothing

from benchmarks.raw import DATATYPES, Array, from_raw, objects, to_raw
from benchmarks.workloads import STREAMED, Workload

Inputs: TypeAlias = Mapping[str, Array]

GRPC_PATH: Final = "/inference.GRPCInferenceService/ModelInfer"
PREDICT_PATH: Final = "/tensorflow.serving.PredictionService/Predict"
GRPC: Final = {"content-type": "application/grpc", "te": "trailers"}
FLOAT: Final = 1
"""TensorFlow's number for float32."""
MINDSPORE_PATH: Final = "/mindspore.serving.proto.MSService/Predict"
MINDSPORE_METHOD: Final = "predict"
MINDSPORE_TYPES: Final = {"float32": MS_FLOAT32, "int64": MS_INT64}
CALLS_PATH: Final = "/services.Calls/"
RPCS: Final = {"empty": "Empty", "echo": "Echo", "processes": "Echo", "count": "Count", "chat": "Chat"}
FACES_PATH: Final = "/services.Faces/Find"
GRPC_PREFIX: Final = 5
HEADER_LENGTH: Final = "Inference-Header-Content-Length"
JSON: Final = {"content-type": "application/json"}
BYTES: Final = {"content-type": "application/octet-stream"}
JPEG: Final = {"content-type": "image/jpeg"}


@dataclass(frozen=True)
class Request:
    """One request as it goes over the wire; a gRPC body is the messages behind their prefixes, one after the other."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """`read` takes the answer's headers (lower case) and body, and returns the output as an array."""

    write: Callable[[Workload, Inputs], Request]
    read: Callable[[Workload, Mapping[str, str], bytes], Array]
    grpc: bool = False


def framed(message: bytes) -> bytes:
    """The message behind gRPC's prefix: not compressed, and its length."""
    return struct.pack(">BI", 0, len(message)) + message


def unframed(body: bytes) -> list[bytes]:
    """The messages of a body. Raises ValueError if one is compressed or incomplete."""
    messages = []
    while body:
        compressed, length = struct.unpack_from(">BI", body)
        message, body = body[GRPC_PREFIX : GRPC_PREFIX + length], body[GRPC_PREFIX + length :]
        if compressed or len(message) < length:
            raise ValueError(f"a message of {length} bytes is compressed or incomplete")
        messages.append(message)
    return messages


def _only(body: bytes) -> bytes:
    (message,) = unframed(body)
    return message


def _write_kserve_grpc(workload: Workload, inputs: Inputs) -> Request:
    message = ModelInferRequest(model_name=workload.name)
    for tensor in workload.inputs:
        message.inputs.add(name=tensor.name, datatype=DATATYPES[tensor.dtype], shape=tensor.shape)
        message.raw_input_contents.append(to_raw(inputs[tensor.name]))
    return Request(GRPC_PATH, framed(message.SerializeToString()), GRPC)


def _read_kserve_grpc(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    answer = ModelInferResponse.FromString(_only(body))
    output = answer.outputs[0]
    _expect(workload, output.name, output.datatype, tuple(output.shape))
    return from_raw(answer.raw_output_contents[0], output.datatype, workload.output.shape)


def _write_predict_grpc(workload: Workload, inputs: Inputs) -> Request:
    """As TensorFlow's own `make_tensor_proto` has arrays of numbers."""
    message = TensorFlowRequest()
    message.model_spec.name = workload.name
    for tensor in workload.inputs:
        written = message.inputs[tensor.name]
        written.dtype = FLOAT
        for size in tensor.shape:
            written.tensor_shape.dim.add(size=size)
        written.tensor_content = to_raw(inputs[tensor.name])
    return Request(PREDICT_PATH, framed(message.SerializeToString()), GRPC)


def _read_predict_grpc(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    output = TensorFlowResponse.FromString(_only(body)).outputs[workload.output.name]
    shape = tuple(dim.size for dim in output.tensor_shape.dim)
    if (output.dtype, shape) != (FLOAT, workload.output.shape):
        raise ValueError(f"the answer is of type {output.dtype} and shape {shape}")
    return np.array(output.float_val, np.float32).reshape(shape)


def _write_kserve_json(workload: Workload, inputs: Inputs) -> Request:
    described = [
        {"name": t.name, "datatype": DATATYPES[t.dtype], "shape": t.shape, "data": inputs[t.name].ravel().tolist()}
        for t in workload.inputs
    ]
    return Request(_kserve_path(workload), json.dumps({"inputs": described}).encode(), JSON)


def _read_kserve_json(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    output = json.loads(body)["outputs"][0]
    _expect(workload, output["name"], output["datatype"], tuple(output["shape"]))
    return np.asarray(output["data"], workload.output.dtype).reshape(workload.output.shape)


def _write_kserve_binary(workload: Workload, inputs: Inputs) -> Request:
    tensors = [to_raw(inputs[t.name]) for t in workload.inputs]
    described = [
        {
            "name": t.name,
            "datatype": DATATYPES[t.dtype],
            "shape": t.shape,
            "parameters": {"binary_data_size": len(raw)},
        }
        for t, raw in zip(workload.inputs, tensors, strict=True)
    ]
    head = json.dumps({"parameters": {"binary_data_output": True}, "inputs": described}).encode()
    return Request(_kserve_path(workload), head + b"".join(tensors), {**BYTES, HEADER_LENGTH: str(len(head))})


def _read_kserve_binary(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    split = int(headers[HEADER_LENGTH.lower()])
    output = json.loads(body[:split])["outputs"][0]
    _expect(workload, output["name"], output["datatype"], tuple(output["shape"]))
    if output["parameters"]["binary_data_size"] != len(body) - split:
        raise ValueError("binary_data_size is not the number of bytes behind the JSON part")
    return from_raw(body[split:], output["datatype"], workload.output.shape)


def _write_mindspore_grpc(workload: Workload, inputs: Inputs) -> Request:
    """An instance for each row of the inputs."""
    message = PredictRequest()
    message.servable_spec.name, message.servable_spec.method_name = workload.name, MINDSPORE_METHOD
    for row in range(workload.inputs[0].shape[0]):
        items = message.instances.add().items
        for tensor in workload.inputs:
            items[tensor.name].shape.dims.extend(tensor.shape[1:])
            items[tensor.name].dtype = MINDSPORE_TYPES[tensor.dtype]
            items[tensor.name].data = inputs[tensor.name][row].tobytes()
    return Request(MINDSPORE_PATH, framed(message.SerializeToString()), GRPC)


def _read_mindspore_grpc(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    answer = PredictReply.FromString(_only(body))
    if answer.error_msg:
        raise ValueError(f"the answer is an error: {answer.error_msg[0].error_msg.decode()}")
    data = b"".join(each.items[workload.output.name].data for each in answer.instances)
    return np.frombuffer(data, workload.output.dtype).reshape(workload.output.shape)


def _write_mindspore_json(workload: Workload, inputs: Inputs) -> Request:
    rows = range(workload.inputs[0].shape[0])
    instances = [{t.name: inputs[t.name][row].tolist() for t in workload.inputs} for row in rows]
    path = f"/model/{workload.name}:{MINDSPORE_METHOD}"
    return Request(path, json.dumps({"instances": instances}).encode(), JSON)


def _read_mindspore_json(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    answer = json.loads(body)
    if "error_msg" in answer:
        raise ValueError(f"the answer is an error: {answer['error_msg']}")
    rows = [each[workload.output.name] for each in answer["instances"]]
    return np.asarray(rows, workload.output.dtype).reshape(workload.output.shape)


def _write_messages(workload: Workload, inputs: Inputs) -> Request:
    """What a stub of the services sends."""
    if workload.name == "faces":
        return Request(FACES_PATH, framed(Image(raw_data=_file(workload, inputs)).SerializeToString()), GRPC)
    body = b"".join(framed(each.SerializeToString()) for each in _messages(workload, inputs))
    return Request(CALLS_PATH + RPCS[workload.name], body, GRPC)


def _messages(workload: Workload, inputs: Inputs) -> list[Any]:
    if workload.name == "empty":
        return [Nothing()]
    if workload.name == "count":
        return [Counted(payload=inputs["payload"][0], messages=STREAMED)]
    return [Message(payload=payload, number=number) for number, payload in enumerate(inputs["payload"])]


def _read_messages(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    """Of messages with a number it is in front of the payload."""
    messages = unframed(body)
    if workload.name == "faces":
        return np.array([Box.FromString(each).sides for each in messages], np.float32)
    if workload.name == "empty":
        return objects(messages)
    return objects([b"%d %s" % (each.number, each.payload) for each in map(Message.FromString, messages)])


def _write_image_body(workload: Workload, inputs: Inputs) -> Request:
    return Request(f"/servables/{workload.name}", _file(workload, inputs), JPEG)


def _read_image_body(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    return _text(json.loads(body)[workload.output.name])


def _write_raw(workload: Workload, inputs: Inputs) -> Request:
    """What is a file already goes as it is; it needs no length."""
    if workload.inputs[0].dtype == "bytes":
        return Request("/inference", _file(workload, inputs), JPEG)
    return Request("/inference", b"".join(to_raw(inputs[t.name]) for t in workload.inputs), BYTES)


def _read_raw(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    if workload.output.dtype == "bytes":
        return objects([body])
    return from_raw(body, DATATYPES[workload.output.dtype], workload.output.shape)


def _write_json_list(workload: Workload, inputs: Inputs) -> Request:
    floats = np.concatenate([inputs[t.name].ravel() for t in workload.inputs])
    return Request("/predict", json.dumps(floats.tolist()).encode(), JSON)


def _read_json_list(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    return np.asarray(json.loads(body), workload.output.dtype).reshape(workload.output.shape)


def _write_json_base64(workload: Workload, inputs: Inputs) -> Request:
    tensors = b"".join(to_raw(inputs[t.name]) for t in workload.inputs)
    return Request("/predict", _base64_document(tensors), JSON)


def _read_json_base64(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    raw = base64.b64decode(json.loads(body)["data"])
    return from_raw(raw, DATATYPES[workload.output.dtype], workload.output.shape)


def _write_json_file(workload: Workload, inputs: Inputs) -> Request:
    return Request("/predict", _base64_document(_file(workload, inputs)), JSON)


def _read_json_file(workload: Workload, headers: Mapping[str, str], body: bytes) -> Array:
    return _text(json.loads(body))


def _base64_document(content: bytes) -> bytes:
    return json.dumps({"data": base64.b64encode(content).decode()}).encode()


def _file(workload: Workload, inputs: Inputs) -> bytes:
    content: bytes = inputs[workload.inputs[0].name][0]
    return content


def _text(answer: Any) -> Array:
    if not isinstance(answer, str):
        raise ValueError(f"the answer is {answer!r}, expected text")
    return objects([answer.encode()])


def _kserve_path(workload: Workload) -> str:
    return f"/v2/models/{workload.name}/infer"


def _expect(workload: Workload, name: str, datatype: str, shape: tuple[int, ...]) -> None:
    output = workload.output
    got, wanted = (name, datatype, shape), (output.name, DATATYPES[output.dtype], output.shape)
    if got != wanted:
        raise ValueError(f"the answer describes its output as {got}, expected {wanted}")


FORMS: Final = {
    "kserve-grpc": Form(_write_kserve_grpc, _read_kserve_grpc, grpc=True),
    "predict-grpc": Form(_write_predict_grpc, _read_predict_grpc, grpc=True),
    "kserve-json": Form(_write_kserve_json, _read_kserve_json),
    "kserve-binary": Form(_write_kserve_binary, _read_kserve_binary),
    "image-body": Form(_write_image_body, _read_image_body),
    "mindspore-grpc": Form(_write_mindspore_grpc, _read_mindspore_grpc, grpc=True),
    "mindspore-json": Form(_write_mindspore_json, _read_mindspore_json),
    "messages-grpc": Form(_write_messages, _read_messages, grpc=True),
    "raw": Form(_write_raw, _read_raw),
    "json-list": Form(_write_json_list, _read_json_list),
    "json-base64": Form(_write_json_base64, _read_json_base64),
    "json-file": Form(_write_json_file, _read_json_file),
}
