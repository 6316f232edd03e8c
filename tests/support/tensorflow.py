"""The messages of TensorFlow Serving that the tests send, in a descriptor pool of their own."""

from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "int64": _Field.TYPE_INT64,
    "int32": _Field.TYPE_INT32,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
}

_MESSAGES = {
    "Dim": {"size": (1, "int64", False)},
    "Shape": {"dim": (2, "Dim", True)},
    "TensorProto": {
        "dtype": (1, "int32", False),
        "tensor_shape": (2, "Shape", False),
        "tensor_content": (4, "bytes", False),
        "float_val": (5, "float", True),
        "double_val": (6, "double", True),
        "int_val": (7, "int32", True),
        "string_val": (8, "bytes", True),
        "int64_val": (10, "int64", True),
        "bool_val": (11, "bool", True),
        "half_val": (13, "int32", True),
        "uint32_val": (16, "uint32", True),
        "uint64_val": (17, "uint64", True),
    },
    "Version": {"value": (1, "int64", False)},
    "ModelSpec": {
        "name": (1, "string", False),
        "version": (2, "Version", False),
        "signature_name": (3, "string", False),
        "version_label": (4, "string", False),
    },
    # A map is a repeated entry of key and value.
    "Entry": {"key": (1, "string", False), "value": (2, "TensorProto", False)},
    "PredictRequest": {
        "model_spec": (1, "ModelSpec", False),
        "inputs": (2, "Entry", True),
        "output_filter": (3, "string", True),
    },
    "PredictResponse": {"outputs": (1, "Entry", True), "model_spec": (2, "ModelSpec", False)},
    "ExampleList": {"examples": (1, "bytes", True)},
    "Input": {"example_list": (1, "ExampleList", False)},
    "ClassificationRequest": {"model_spec": (1, "ModelSpec", False), "input": (2, "Input", False)},
    "InferenceTask": {"model_spec": (1, "ModelSpec", False), "method_name": (2, "string", False)},
    "MultiInferenceRequest": {"tasks": (1, "InferenceTask", True), "input": (2, "Input", False)},
    "GetModelMetadataRequest": {"model_spec": (1, "ModelSpec", False), "metadata_field": (2, "string", True)},
    "Nothing": {},
    "GetModelStatusRequest": {"model_spec": (1, "ModelSpec", False)},
    "Status": {"error_code": (1, "int32", False), "error_message": (2, "string", False)},
    "ModelVersionStatus": {
        "version": (1, "int64", False),
        "state": (2, "int32", False),
        "status": (3, "Status", False),
    },
    "GetModelStatusResponse": {"model_version_status": (1, "ModelVersionStatus", True)},
    "LabelEntry": {"key": (1, "string", False), "value": (2, "int64", False)},
    "All": {},
    "Policy": {"all": (101, "All", False)},
    "ModelConfig": {
        "name": (1, "string", False),
        "base_path": (2, "string", False),
        "model_platform": (4, "string", False),
        "model_version_policy": (7, "Policy", False),
        "version_labels": (8, "LabelEntry", True),
    },
    "ModelConfigList": {"config": (1, "ModelConfig", True)},
    "Any": {"type_url": (1, "string", False)},
    "ModelServerConfig": {"model_config_list": (1, "ModelConfigList", False), "custom_model_config": (2, "Any", False)},
    "ReloadConfigRequest": {"config": (1, "ModelServerConfig", False)},
    "ReloadConfigResponse": {"status": (1, "Status", False)},
}

START, LOADING, AVAILABLE, UNLOADING, END = 10, 20, 30, 40, 50
"""States of a version."""

# By numpy's names: the number of the type, and the field for its values.
_DTYPES = {
    "float32": (1, "float_val"),
    "float64": (2, "double_val"),
    "int32": (3, "int_val"),
    "uint8": (4, "int_val"),
    "int16": (5, "int_val"),
    "int8": (6, "int_val"),
    "object": (7, "string_val"),
    "int64": (9, "int64_val"),
    "bool": (10, "bool_val"),
    "uint16": (17, "int_val"),
    "float16": (19, "half_val"),
    "uint32": (22, "uint32_val"),
    "uint64": (23, "uint64_val"),
}
_NAMES = {number: (name, field) for name, (number, field) in _DTYPES.items()}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="tensorflow_of_tests.proto", package="tests", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            made = message.field.add(name=field, number=number, label=label)
            if kind in _TYPES:
                made.type = _TYPES[kind]
            else:
                made.type, made.type_name = _Field.TYPE_MESSAGE, f".tests.{kind}"
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file())


def message(name: str) -> Any:
    """The class of a message, by its name without the package."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"tests.{name}"))


def call(address: str, service: str, method: str, request: Any, reply: str) -> Any:
    """Call a method of a service, whose replies are messages of this name."""
    with grpc.insecure_channel(address) as channel:
        path = f"/tensorflow.serving.{service}/{method}"
        function = channel.unary_unary(path, type(request).SerializeToString, message(reply).FromString)
        return function(request, timeout=30)


def predict(address: str, inputs: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """Predict, with arrays in and out."""
    request = message("PredictRequest")(model_spec=spec)
    for name, value in inputs.items():
        write_tensor(request.inputs.add(key=name).value, np.asarray(value))
    reply = call(address, "PredictionService", "Predict", request, "PredictResponse")
    return {entry.key: read_tensor(entry.value) for entry in reply.outputs}


def states(address: str, model: str) -> dict[int, tuple[int, int, str]]:
    """State, code and message of each version of a model."""
    request = message("GetModelStatusRequest")(model_spec={"name": model})
    reply = call(address, "ModelService", "GetModelStatus", request, "GetModelStatusResponse")
    return {
        each.version: (each.state, each.status.error_code, each.status.error_message)
        for each in reply.model_version_status
    }


def write_tensor(tensor: Any, array: Any) -> None:
    """In the field of its type; text and bytes are arrays of objects."""
    tensor.dtype, field = _DTYPES[array.dtype.name]
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    values = array.view(np.uint16) if array.dtype == np.float16 else array
    getattr(tensor, field).extend(each.encode() if isinstance(each, str) else each for each in values.ravel().tolist())


def read_tensor(tensor: Any) -> Any:
    name, field = _NAMES[tensor.dtype]
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    values = list(getattr(tensor, field))
    if name == "float16":
        return np.array(values, np.uint16).view(np.float16).reshape(shape)
    return np.array(values, name).reshape(shape)
