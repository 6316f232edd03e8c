"""What `*_pb2_grpc.py` would hold: classes of a service that are made of its descriptor."""

from collections.abc import Callable
from typing import Any, NoReturn

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from salver.authoring.protos.pool import Described


def stub_class(described: Described, service: ServiceDescriptor) -> type[Any]:
    """A class whose objects, made of a channel of grpc or grpc.aio, have the rpcs as generated stubs have them."""

    def begin(self: Any, channel: Any) -> None:
        for method in service.methods:
            request, reply = described.ends(method)
            call = getattr(channel, _kind(method))
            made = call(
                f"/{service.full_name}/{method.name}",
                request_serializer=request.SerializeToString,
                response_deserializer=reply.FromString,
            )
            setattr(self, method.name, made)

    return _class(service, "Stub", {"__init__": begin})


def servicer_class(service: ServiceDescriptor) -> type[Any]:
    """A base class of servicers, whose methods say that they are not implemented."""
    return _class(service, "Servicer", {method.name: _unimplemented(method.name) for method in service.methods})


def adder(described: Described, service: ServiceDescriptor) -> Callable[[Any, Any], None]:
    """The function that puts a servicer into a grpcio server, or one that looks like it."""

    def add(servicer: Any, server: Any) -> None:
        import grpc

        handlers = {method.name: _handler(described, method, servicer) for method in service.methods}
        generic = grpc.method_handlers_generic_handler(service.full_name, handlers)
        server.add_generic_rpc_handlers((generic,))

    add.__name__ = add.__qualname__ = f"add_{service.name}Servicer_to_server"
    return add


def _handler(described: Described, method: MethodDescriptor, servicer: Any) -> Any:
    import grpc

    request, reply = described.ends(method)
    make = getattr(grpc, f"{_kind(method)}_rpc_method_handler")
    code = getattr(servicer, method.name)
    return make(code, request_deserializer=request.FromString, response_serializer=reply.SerializeToString)


def _kind(method: MethodDescriptor) -> str:
    sides = (method.client_streaming, method.server_streaming)
    return "_".join("stream" if streams else "unary" for streams in sides)


def _unimplemented(name: str) -> Callable[..., NoReturn]:
    def answer(_self: Any, _request: Any, context: Any) -> NoReturn:
        import grpc

        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("Method not implemented!")
        raise NotImplementedError("Method not implemented!")

    answer.__name__ = name
    return answer


def _class(service: ServiceDescriptor, suffix: str, members: dict[str, Any]) -> type[Any]:
    return type(f"{service.name}{suffix}", (), {"__module__": service.full_name, **members})
