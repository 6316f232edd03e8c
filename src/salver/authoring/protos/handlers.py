"""Handlers: functions that take a whole message, and perhaps the context, and give a whole message.

As a part of a servable such a function is a stage of bytes, whose method other protocols do not see.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from salver.authoring.context import Context, InvalidInput
from salver.authoring.functions import Function
from salver.authoring.graphs import Graph, graph_of_function
from salver.authoring.places import Place, place_of
from salver.authoring.protos.calls import Aborted, HandlerContext
from salver.authoring.protos.mapping import check_streams
from salver.authoring.protos.services import Service
from salver.authoring.signatures import annotation_of, flow_of
from salver.authoring.spec import STATUS, WHOLE, Policy, Rpc
from salver.problems import Unusable

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor

_ANYTHING = (inspect.Parameter.empty, Any)

Answer = tuple[bytes, bytes]
"""A reply, and the status or nothing."""


def is_handler(service: Service, method: "MethodDescriptor", plain: Callable[..., Any]) -> bool:
    """Whether a function takes the whole request: as one of its class, or as servicers do, as (request, context).

    Raises Unusable for one that takes another message.
    """
    names = list(inspect.signature(plain).parameters)
    if not 1 <= len(names) <= 2 or not all(_may_be_context(plain, name) for name in names[1:]):
        return False
    annotation = annotation_of(plain, names[0])
    if annotation in _ANYTHING:
        servicers = names[0] == "request" or len(names) == 2
        return servicers and names[0] not in method.input_type.fields_by_name
    descriptor = getattr(annotation, "DESCRIPTOR", None)
    if descriptor is not None and descriptor is not method.input_type:
        what = f"'{names[0]}' of {plain.__name__}() is a {descriptor.full_name}"
        rpc = f"{service.descriptor.name}.{method.name}"
        remedy = f"the rpc {rpc} takes a {method.input_type.full_name}: take that, of the same salver.proto object"
        raise Unusable(place_of(plain), what, remedy)
    return descriptor is not None


def _may_be_context(plain: Callable[..., Any], name: str) -> bool:
    annotation = annotation_of(plain, name)
    if annotation in _ANYTHING:
        return name.strip("_") in ("context", "ctx", "")
    return isinstance(annotation, type) and (issubclass(annotation, Context) or name == "context")


def graph_of_handler(service: Service, method: "MethodDescriptor", plain: Callable[..., Any]) -> Graph:
    """The hidden method that runs a handler."""
    function = Function(_adapted(service, method, plain), True, Policy(row_by_row=True), None)
    function.name = plain.__name__
    function.signature = replace(function.signature, place=place_of(plain))
    graph = graph_of_function(function)
    check_streams(service, method, graph, function.name)
    return replace(graph, name=f"@rpc_{service.descriptor.name}.{method.name}")


def rpc_of_handler(method: "MethodDescriptor", graph: Graph) -> Rpc:
    """A handler's method as an rpc."""
    outputs = zip((port.name for port in graph.outputs), (WHOLE, STATUS), strict=True)
    return Rpc(method.name, graph.name, ((graph.inputs[0].name, WHOLE),), tuple(outputs))


@dataclass(frozen=True)
class _Handler:
    """A handler as functions of bytes, of which the one that fits its flow is used."""

    plain: Callable[..., Any]
    request: Any
    reply: Any
    asks: bool
    """Whether it takes the context."""
    place: Place

    def returns(self, request: bytes, context: Context) -> Answer:
        given = HandlerContext(context)
        try:
            return self.written(self.called(request, given)), given.end()
        except Aborted:
            return b"", given.end()

    async def awaits(self, request: bytes, context: Context) -> Answer:
        given = HandlerContext(context)
        try:
            return self.written(await self.called(request, given)), given.end()
        except Aborted:
            return b"", given.end()

    def yields(self, request: bytes, context: Context) -> Iterator[Answer]:
        given = HandlerContext(context)
        try:
            with closing(self.called(request, given)) as replies:
                for reply in replies:
                    yield from _start(given)
                    yield self.written(reply), b""
        except Aborted:
            pass
        yield from _end(given)

    async def awaits_and_yields(self, request: bytes, context: Context) -> AsyncIterator[Answer]:
        given = HandlerContext(context)
        try:
            async with aclosing(self.called(request, given)) as replies:
                async for reply in replies:
                    for start in _start(given):
                        yield start
                    yield self.written(reply), b""
        except Aborted:
            pass
        for end in _end(given):
            yield end

    def called(self, request: bytes, context: HandlerContext) -> Any:
        try:
            message = self.request.FromString(request)
        except Exception as error:
            raise InvalidInput(f"the message is no {self.request.DESCRIPTOR.full_name}: {error}") from None
        return self.plain(message, context) if self.asks else self.plain(message)

    def written(self, reply: Any) -> bytes:
        if getattr(reply, "DESCRIPTOR", None) is not self.reply.DESCRIPTOR:
            expected = self.reply.DESCRIPTOR.full_name
            given = "nothing" if reply is None else f"a {_shown(reply)}"
            raise TypeError(f"{self.plain.__name__}() gave {given}, but its rpc answers by a {expected} ({self.place})")
        written: bytes = reply.SerializeToString()
        return written


def _start(given: HandlerContext) -> Iterator[Answer]:
    start = given.start()
    if start:
        yield b"", start


def _end(given: HandlerContext) -> Iterator[Answer]:
    end = given.end()
    if end:
        yield b"", end


def _adapted(service: Service, method: "MethodDescriptor", plain: Callable[..., Any]) -> Callable[..., Any]:
    request, reply = service.described.ends(method)
    handler = _Handler(plain, request, reply, len(inspect.signature(plain).parameters) == 2, place_of(plain))
    made: Callable[..., Any] = getattr(handler, flow_of(plain).replace(" ", "_"))
    return made


def _shown(reply: Any) -> str:
    descriptor = getattr(reply, "DESCRIPTOR", None)
    return type(reply).__name__ if descriptor is None else f"{descriptor.full_name} of another salver.proto object"
