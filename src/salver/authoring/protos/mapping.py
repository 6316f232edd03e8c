"""Which field of a message is which input or output of a method."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from salver.authoring.graphs import Graph
from salver.authoring.protos.services import Service
from salver.authoring.spec import WHOLE, Fields, Port, Rpc
from salver.problems import Unusable

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, MethodDescriptor


def rpc_of(service: Service, method: "MethodDescriptor", graph: Graph) -> Rpc:
    """The method as this rpc: inputs and outputs are the fields of their names. Raises Unusable."""
    check_streams(service, method, graph, graph.name)
    inputs = _Side(service, method, graph, "request").fields()
    outputs = _Side(service, method, graph, "reply").fields()
    return Rpc(method.name, graph.name, inputs, outputs)


def check_unary(service: Service, method: "MethodDescriptor") -> None:
    """Raises Unusable for an rpc whose callers send many messages, which no row can be."""
    if method.client_streaming:
        what = f"serves {service.descriptor.name}.{method.name}, whose callers send a stream of messages"
        remedy = "serve that one by a servicer, with `from salver import grpc` or `salver run`"
        raise Unusable(service.place, what, remedy)


def check_ignored(service: Service) -> None:
    """Raises Unusable for a name in `ignore` that no message of the service's rpcs has."""
    methods = service.descriptor.methods
    known = {name for method in methods for end in _ends(method) for name in end.fields_by_name}
    unknown = sorted(service.ignored - known)
    if unknown:
        what = f"ignores '{unknown[0]}', which is no field of a message of {service.descriptor.full_name}"
        raise Unusable(service.place, what, "take it out of ignore=")


def check_streams(service: Service, method: "MethodDescriptor", graph: Graph, code: str) -> None:
    """Raises Unusable where only one of an rpc and the code that serves it gives a stream."""
    name = f"{service.descriptor.name}.{method.name}"
    if graph.sequence and not method.server_streaming:
        what = f"'{code}' yields, but the rpc {name} answers by one message"
        raise Unusable(graph.place, what, f"return one, or write: returns (stream {method.output_type.name})")
    if method.server_streaming and not graph.sequence:
        what = f"'{code}' returns, but the rpc {name} answers by a stream of messages"
        raise Unusable(graph.place, what, f"yield, or write: returns ({method.output_type.name})")


def _ends(method: "MethodDescriptor") -> "tuple[Descriptor, Descriptor]":
    return method.input_type, method.output_type


@dataclass(frozen=True)
class _Side:
    """The inputs of a method and a request, or its outputs and a reply."""

    service: Service
    method: "MethodDescriptor"
    graph: Graph
    which: Literal["request", "reply"]

    @property
    def ports(self) -> tuple[Port, ...]:
        return self.graph.inputs if self.which == "request" else self.graph.outputs

    @property
    def message(self) -> "Descriptor":
        return _ends(self.method)[self.which == "reply"]

    def fields(self) -> Fields:
        """Raises Unusable where names do not meet."""
        if self._is_whole():
            return ((self.ports[0].name, WHOLE),)
        names = self._names()
        taken = {field for _, field in names}
        for port, field in names:
            if field not in self.message.fields_by_name:
                raise self._no_field(port, taken)
        left = [name for name in self.message.fields_by_name if name not in taken | self.service.ignored]
        if left and self.which == "request":
            raise self._no_input(left[0])
        return names

    def _is_whole(self) -> bool:
        """A single document that is no field of the message is the message."""
        one = self.ports[0]
        return len(self.ports) == 1 and one.json and one.name not in self.message.fields_by_name

    def _names(self) -> Fields:
        """Ports with the names of their fields; results without names are the fields of a reply in their order."""
        names = [port.name for port in self.ports]
        fields = list(self.message.fields_by_name)
        unnamed = ["output"] if len(names) == 1 else [f"output_{number}" for number in range(len(names))]
        if self.which == "reply" and names == unnamed and not set(names) & set(fields):
            kept = [name for name in fields if name not in self.service.ignored]
            if len(kept) != len(names):
                raise self._unnamed(kept)
            return tuple(zip(names, kept, strict=True))
        return tuple((name, name) for name in names)

    def _unnamed(self, fields: list[str]) -> Unusable:
        given = f"{len(self.ports)} values without names" if len(self.ports) > 1 else "one value without a name"
        what = f"'{self.graph.name}' gives {given}, but a {self.message.full_name} has {_listed(fields)}"
        remedy = "give results by the names of the fields: -> a TypedDict or dataclass; or salver.Json for all of it"
        return Unusable(self.graph.place, what, remedy)

    def _no_field(self, port: str, taken: set[str]) -> Unusable:
        does = "takes" if self.which == "request" else "gives"
        left = [name for name in self.message.fields_by_name if name not in taken]
        what = f"'{self.graph.name}' {does} '{port}', but {self.message.full_name} has no such field"
        remedy = f"call it as one of its fields: {', '.join(left)}" if left else f"add it to {self.message.full_name}"
        return Unusable(self.graph.place, what, remedy)

    def _no_input(self, field: str) -> Unusable:
        what = f"'{self.graph.name}' does not take '{field}', a field of {self.message.full_name}"
        remedy = f'add it to the inputs, or say ignore=["{field}"] where the service is declared ({self.service.place})'
        return Unusable(self.graph.place, what, remedy)


def _listed(names: list[str]) -> str:
    return f"the fields {', '.join(names)}" if len(names) > 1 else f"only {names[0]}" if names else "no field"
