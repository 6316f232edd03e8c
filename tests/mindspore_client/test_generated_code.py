"""The committed Python of ms_service.proto, and the numbers on the wire."""

import importlib.metadata

import pytest
from google.protobuf.descriptor import FieldDescriptor

from mindspore_serving.proto import ms_service_pb2 as pb

from .generate_proto import GRPC_TOOLS, PROTO, SOURCES, generate

F = FieldDescriptor
FIELDS = {
    "PredictRequest": {"servable_spec": (1, F.TYPE_MESSAGE), "instances": (2, F.TYPE_MESSAGE)},
    "PredictReply": {
        "servable_spec": (1, F.TYPE_MESSAGE),
        "instances": (3, F.TYPE_MESSAGE),
        "error_msg": (4, F.TYPE_MESSAGE),
    },
    "ErrorMsg": {"error_code": (1, F.TYPE_INT64), "error_msg": (2, F.TYPE_BYTES)},
    "ServableSpec": {
        "name": (1, F.TYPE_STRING),
        "method_name": (2, F.TYPE_STRING),
        "version_number": (3, F.TYPE_UINT64),
    },
    "Instance": {"items": (1, F.TYPE_MESSAGE), "output_buffers": (2, F.TYPE_MESSAGE)},
    "Tensor": {
        "shape": (1, F.TYPE_MESSAGE),
        "dtype": (2, F.TYPE_ENUM),
        "data": (3, F.TYPE_BYTES),
        "bytes_val": (4, F.TYPE_BYTES),
        "shm_data": (5, F.TYPE_MESSAGE),
    },
    "TensorShape": {"dims": (1, F.TYPE_INT64)},
    "ShmTensorData": {
        "memory_key": (1, F.TYPE_STRING),
        "bytes_size": (2, F.TYPE_UINT64),
        "data_offset": (3, F.TYPE_UINT64),
        "data_size": (4, F.TYPE_UINT64),
    },
    "TensorInfo": {
        "shape": (1, F.TYPE_MESSAGE),
        "dtype": (2, F.TYPE_ENUM),
        "size": (3, F.TYPE_UINT64),
        "is_no_batch_dim": (4, F.TYPE_BOOL),
    },
    **{f"{name}{kind}": {"address": (1, F.TYPE_STRING)} for name in ("Ping", "Pong") for kind in ("Request", "Reply")},
}
DATA_TYPES = {
    "MS_UNKNOWN": 0,
    "MS_BOOL": 1,
    "MS_INT8": 2,
    "MS_UINT8": 3,
    "MS_INT16": 4,
    "MS_UINT16": 5,
    "MS_INT32": 6,
    "MS_UINT32": 7,
    "MS_INT64": 8,
    "MS_UINT64": 9,
    "MS_FLOAT16": 10,
    "MS_FLOAT32": 11,
    "MS_FLOAT64": 12,
    "MS_STRING": 13,
    "MS_BYTES": 14,
}


def test_the_fields_are_those_of_mindspore_serving() -> None:
    messages = pb.DESCRIPTOR.message_types_by_name
    declared = {
        name: {field.name: (field.number, field.type) for field in message.fields} for name, message in messages.items()
    }
    assert pb.DESCRIPTOR.package == "mindspore.serving.proto"
    assert declared == FIELDS


def test_the_data_types_are_those_of_mindspore_serving() -> None:
    assert dict(pb.DataType.items()) == DATA_TYPES


def test_the_committed_code_is_what_the_proto_gives() -> None:
    try:
        installed = importlib.metadata.version("grpcio-tools")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"grpcio-tools {GRPC_TOOLS} is not installed")
    if installed != GRPC_TOOLS:
        pytest.skip(f"grpcio-tools {installed} is installed; the code is made with {GRPC_TOOLS}")
    committed = {name: (SOURCES / PROTO).with_name(name).read_text() for name in generate()}
    assert committed == generate()
