"""The messages of TensorFlow Serving that the tests send, in a descriptor pool of their own."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {"int64": _Field.TYPE_INT64, "int32": _Field.TYPE_INT32, "string": _Field.TYPE_STRING}
_TYPES |= {"bytes": _Field.TYPE_BYTES, "float": _Field.TYPE_FLOAT}

_MESSAGES = {
    "Dim": {"size": (1, "int64", False)},
    "Shape": {"dim": (2, "Dim", True)},
    "TensorProto": {
        "dtype": (1, "int32", False),
        "tensor_shape": (2, "Shape", False),
        "tensor_content": (4, "bytes", False),
        "float_val": (5, "float", True),
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
    "PredictRequest": {"model_spec": (1, "ModelSpec", False), "inputs": (2, "Entry", True)},
    "PredictResponse": {"outputs": (1, "Entry", True), "model_spec": (2, "ModelSpec", False)},
    "GetModelStatusRequest": {"model_spec": (1, "ModelSpec", False)},
    "ModelVersionStatus": {"version": (1, "int64", False), "state": (2, "int32", False)},
    "GetModelStatusResponse": {"model_version_status": (1, "ModelVersionStatus", True)},
}


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
