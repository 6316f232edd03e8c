"""Handlers as people register them, and which one answers a call."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import grpc

if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]
else:
    Handler = grpc.RpcMethodHandler

Declared: TypeAlias = tuple[str, list[tuple[str, bool, bool]]]
"""A service and its methods: name, whether the client streams, whether the server does."""


class Metadatum(NamedTuple):
    """One key and value of metadata."""

    key: str
    value: str | bytes


class CallDetails(NamedTuple):
    """What interceptors and generic handlers choose by."""

    method: str
    invocation_metadata: tuple[Metadatum, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """How calls of one path are answered."""

    path: str
    behaviour: Callable[..., Any]
    deserialize: Callable[[bytes], Any] | None
    serialize: Callable[[Any], bytes] | None
    client_streams: bool
    server_streams: bool
    style: "Style"


class Style(Enum):
    """How a behaviour is run."""

    PLAIN = "in a thread"
    COROUTINE = "in an event loop, awaited"
    GENERATOR = "in an event loop, iterated"


def style_of(behaviour: Callable[..., Any]) -> Style:
    if inspect.iscoroutinefunction(behaviour):
        return Style.COROUTINE
    return Style.GENERATOR if inspect.isasyncgenfunction(behaviour) else Style.PLAIN


def method_of(path: str, handler: Handler) -> Method:
    kinds = {
        (False, False): handler.unary_unary,
        (False, True): handler.unary_stream,
        (True, False): handler.stream_unary,
        (True, True): handler.stream_stream,
    }
    streams = (bool(handler.request_streaming), bool(handler.response_streaming))
    behaviour = kinds[streams]
    if behaviour is None:
        raise TypeError(f"the handler of {path} has no function for its kind of streaming")
    coders = (handler.request_deserializer, handler.response_serializer)
    return Method(path, behaviour, *coders, *streams, style_of(behaviour))


class Handlers:
    """All that a server has been given. Of several handlers for a path a registered one wins, else the first."""

    def __init__(self, generic: Iterable[grpc.GenericRpcHandler], interceptors: Sequence[Any]) -> None:
        self._registered: dict[str, Handler] = {}
        self._generic: list[grpc.GenericRpcHandler] = []
        self._table: dict[str, Handler] = {}
        self._known: dict[str, Method] = {}
        self.interceptors = tuple(interceptors)
        self.add(generic)

    def add(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Raises AttributeError for what is no generic handler."""
        handlers = list(handlers)
        for each in handlers:
            if not hasattr(each, "service"):
                what = f'"{each}" must conform to grpc.GenericRpcHandler type but does not have "service" method!'
                raise AttributeError(what)
        self._generic += handlers
        self._changed()

    def register(self, service: str, handlers: Mapping[str, Handler]) -> None:
        self._registered |= {f"/{service}/{name}": handler for name, handler in handlers.items()}
        self._changed()

    def find(self, details: Any) -> Handler | None:
        """What answers these call details, interceptors aside."""
        found = self._registered.get(details.method)
        if found is not None:
            return found
        answers = (each.service(details) for each in self._generic)
        return next((handler for handler in answers if handler is not None), None)

    def known(self, path: str) -> Method | None:
        """How calls of this path are answered, where that depends on nothing else."""
        method = self._known.get(path)
        if method is None and self._is_settled(path):
            method = self._known[path] = method_of(path, self._table[path])
        return method

    def intercepted(self, find: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """`find` behind all interceptors, the first one outermost."""
        for interceptor in reversed(self.interceptors):
            find = partial(interceptor.intercept_service, find)
        return find

    @property
    def everything_is_known(self) -> bool:
        """Whether nobody could answer any other path than those that are declared."""
        return not self.interceptors and all(_methods(each) is not None for each in self._generic)

    def declared(self) -> list[Declared]:
        """The services that are known by name, with their methods."""
        services: dict[str, list[tuple[str, bool, bool]]] = {}
        for path, handler in self._table.items():
            service, _, name = path[1:].rpartition("/")
            kind = (name, bool(handler.request_streaming), bool(handler.response_streaming))
            services.setdefault(service, []).append(kind)
        return list(services.items())

    def of(self, service: str) -> list[Handler]:
        """The handlers of one declared service."""
        return [handler for path, handler in self._table.items() if path[1:].rpartition("/")[0] == service]

    def _is_settled(self, path: str) -> bool:
        """Whether a path has the same handler each time, without anybody being asked."""
        return path in (self._table if self.everything_is_known else self._registered) and not self.interceptors

    def _changed(self) -> None:
        table: dict[str, Handler] = {}
        for each in reversed(self._generic):
            table |= _methods(each) or {}
        self._known, self._table = {}, table | self._registered


def _methods(handler: grpc.GenericRpcHandler) -> Mapping[str, Handler] | None:
    """The methods of what `grpc.method_handlers_generic_handler` makes, which all generated code uses."""
    if type(handler).service is not type(grpc.method_handlers_generic_handler("", {})).service:
        return None
    return handler._method_handlers  # type: ignore[attr-defined, no-any-return]
