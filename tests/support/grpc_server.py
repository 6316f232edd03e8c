"""A server of grpcio's own, of any service, for clients to be tried with."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

SERVICE = "test.Echo"


class EchoStub:
    """As a generated stub of a service whose messages are bytes."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.Say = channel.unary_unary(f"/{SERVICE}/Say")
        self.Count = channel.unary_stream(f"/{SERVICE}/Count")
        self.Join = channel.stream_unary(f"/{SERVICE}/Join")
        self.Chat = channel.stream_stream(f"/{SERVICE}/Chat")


_UNARY = grpc.unary_unary_rpc_method_handler
_KINDS: Mapping[str, Any] = {
    "Say": grpc.unary_unary_rpc_method_handler,
    "Count": grpc.unary_stream_rpc_method_handler,
    "Join": grpc.stream_unary_rpc_method_handler,
    "Chat": grpc.stream_stream_rpc_method_handler,
}


@contextmanager
def serving(service: str = SERVICE, /, **handlers: Callable[[Any, grpc.ServicerContext], Any]) -> Iterator[int]:
    """Serve these rpcs of a service at a free port until the block ends; gives the port."""
    server = grpc.server(ThreadPoolExecutor(4))
    made = {name: _KINDS.get(name, _UNARY)(handler) for name, handler in handlers.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, made),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait(30)
