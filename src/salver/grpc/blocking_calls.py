"""A call from its first message to its status, in a thread that may wait."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from salver.grpc.context import LOGGER, Context
from salver.grpc.handlers import Method
from salver.grpc.statuses import INTERNAL, UNIMPLEMENTED

if TYPE_CHECKING:
    from salver import _native


# Nobody hears it.
_LEFT = "the caller has left"


class _Broken(Exception):
    """A message that cannot be read."""


def answer(method: Method, call: "_native.ServiceCall", compression: Any = None) -> None:
    """Run the method's handler, and end the call. It raises nothing."""
    context = Context(call, compression)
    try:
        request = _Requests(method, call, context) if method.client_streams else _request(method, call)
    except _Broken:
        context.fail(INTERNAL, "Exception deserializing request!")
    except EOFError:
        context.fail(UNIMPLEMENTED, f'"{method.path}" requires exactly one request message.')
    except ConnectionError:
        context.fail(INTERNAL, _LEFT)
    else:
        _run(method, request, context)


def _run(method: Method, request: Any, context: Context) -> None:
    try:
        response = method.behaviour(request, context)
    except BaseException as error:
        context.fail_with("calling application", error)
        return
    if method.server_streams:
        _stream(method, response, context)
        return
    message = _serialized(method, response, context)
    if message is not None:
        context.end(message)


def _stream(method: Method, responses: Any, context: Context) -> None:
    """Send what the handler yields. None is an end, too, as gRPC has it."""
    try:
        while (response := next(responses)) is not None:
            message = _serialized(method, response, context)
            if message is None:
                return
            if not context.send(message):
                context.fail(INTERNAL, _LEFT)
                return
    except StopIteration:
        pass
    except BaseException as error:
        context.fail_with("iterating responses", error)
        return
    context.end()


def _request(method: Method, call: "_native.ServiceCall") -> Any:
    """The only message. Raises _Broken, EOFError if there is none, ConnectionError if the caller has left."""
    message = call.receive(True)
    if message is None:
        raise EOFError
    return _deserialized(method, message)


def _deserialized(method: Method, message: bytes) -> Any:
    if method.deserialize is None:
        return message
    try:
        return method.deserialize(message)
    except Exception as error:
        LOGGER.exception("Exception deserializing message!")
        raise _Broken from error


def _serialized(method: Method, response: Any, context: Context) -> bytes | None:
    """None if it is no message; the call has failed then."""
    try:
        message = response if method.serialize is None else method.serialize(response)
        if not isinstance(message, bytes):
            raise TypeError(f"expected bytes, not {type(message).__name__}")
    except Exception:
        LOGGER.exception("Exception serializing message!")
        context.fail(INTERNAL, "Failed to serialize response!")
        return None
    return message


class _Requests(Iterator[Any]):
    """The messages of a caller who streams, as they come. Raises RpcError once the caller has left."""

    def __init__(self, method: Method, call: "_native.ServiceCall", context: Context) -> None:
        self._method = method
        self._call = call
        self._context = context

    def __next__(self) -> Any:
        try:
            message = self._call.receive(True)
        except ConnectionError:
            raise self._context.gone() from None
        if message is None:
            raise StopIteration
        try:
            return _deserialized(self._method, message)
        except _Broken:
            self._context.fail(INTERNAL, "Exception deserializing request!")
            raise StopIteration from None

    def next(self) -> Any:
        """As gRPC's iterators have it."""
        return next(self)
