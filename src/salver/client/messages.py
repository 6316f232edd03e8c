"""The messages on the wire.

They live in a pool of their own: other packages bring the same message names, and the default pool takes each once.
"""

from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def _load() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    described = descriptor_pb2.FileDescriptorSet.FromString(
        files("salver.client").joinpath("messages.binpb").read_bytes()
    )
    for file in described.file:
        pool.Add(file)
    names = [(file.name, message.name) for file in described.file for message in file.message_type]
    return {
        name: message_factory.GetMessageClass(pool.FindFileByName(file).message_types_by_name[name])
        for file, name in names
    }


_CLASSES = _load()

ServerReadyRequest: Any = _CLASSES["ServerReadyRequest"]
ServerReadyResponse: Any = _CLASSES["ServerReadyResponse"]
ModelMetadataRequest: Any = _CLASSES["ModelMetadataRequest"]
ModelMetadataResponse: Any = _CLASSES["ModelMetadataResponse"]
ModelInferRequest: Any = _CLASSES["ModelInferRequest"]
ModelInferResponse: Any = _CLASSES["ModelInferResponse"]
HealthCheckRequest: Any = _CLASSES["HealthCheckRequest"]
HealthCheckResponse: Any = _CLASSES["HealthCheckResponse"]
Status: Any = _CLASSES["Status"]
