"""Descriptors of services whose generated code is in use, for reflection and JSON."""

import sys
from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from salver.grpc.handlers import Handler


def descriptor_set(service: str, handlers: Iterable[Handler]) -> bytes | None:
    """The file that declares a service, and all that it imports; None if its generated code does not tell."""
    pools = [each.file.pool for each in map(_message, handlers) if each is not None]
    for pool in pools or _default_pool():
        try:
            file = pool.FindServiceByName(service).file
        except KeyError:
            continue
        return FileDescriptorSet(file=_with_imports(file)).SerializeToString()
    return None


def _message(handler: Handler) -> Any:
    """The descriptor of a handler's requests, if `Message.FromString` reads them."""
    return getattr(getattr(handler.request_deserializer, "__self__", None), "DESCRIPTOR", None)


def _default_pool() -> list[Any]:
    loaded = sys.modules.get("google.protobuf.descriptor_pool")
    return [] if loaded is None else [loaded.Default()]


def _with_imports(file: Any) -> list[FileDescriptorProto]:
    """Imports first, each file once."""
    found: dict[str, FileDescriptorProto] = {}

    def visit(each: Any) -> None:
        if each.name not in found:
            found[each.name] = FileDescriptorProto()
            for needed in each.dependencies:
                visit(needed)
            own = found.pop(each.name)
            own.ParseFromString(each.serialized_pb)
            found[each.name] = own

    visit(file)
    return list(found.values())
