"""A server with one service, whose calls tests take."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from salver import _native
from salver.config.settings import Config, native_settings

METHODS = [("unary", False, False), ("out", False, True), ("in", True, False), ("both", True, True)]


@dataclass
class Served:
    """A server with one service `s.S`, whose calls the test takes itself or has taken by threads."""

    server: _native.Server
    calls: _native.Calls
    channel: grpc.Channel
    threads: list[threading.Thread] = field(default_factory=list)

    def take(self) -> _native.ServiceCall:
        """The next call."""
        call = self.calls.take(30)
        assert call is not None, "no call came"
        return call

    def answer(self, handler: Callable[[_native.ServiceCall], None], threads: int = 1) -> None:
        """Have threads answer calls from now on."""

        def work() -> None:
            while (call := self.calls.take()) is not None:
                handler(call)

        started = [threading.Thread(target=work) for _ in range(threads)]
        for thread in started:
            thread.start()
        self.threads += started

    def begin(self, message: bytes = b"", timeout: float | None = 30) -> grpc.Future:
        """Call the unary method."""
        return self.channel.unary_unary("/s.S/unary").future(message, timeout=timeout)

    def close(self) -> None:
        self.channel.close()
        self.calls.close()
        for thread in self.threads:
            thread.join()
        self.server.stop()


def serve(calls: _native.Calls) -> Served:
    server = _native.Server(native_settings(Config()))
    server.serve_services([("s.S", METHODS, None)], calls)
    return Served(server, calls, grpc.insecure_channel(server.listen("127.0.0.1:0", None)))
