"""The services that a servable's file declares, as rpcs of its methods."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from salver import _native
from salver.authoring.collecting import methods_of
from salver.authoring.functions import Function, Traced, row_function
from salver.authoring.graphs import Graph, graph_of_function
from salver.authoring.places import place_of
from salver.authoring.protos.handlers import graph_of_handler, is_handler, rpc_of_handler
from salver.authoring.protos.mapping import check_ignored, check_unary, rpc_of
from salver.authoring.protos.services import Service
from salver.authoring.spec import Rpc, Servable
from salver.authoring.spec import Service as Spec
from salver.problems import Unusable

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor


@dataclass(frozen=True)
class Offer:
    """An rpc, and the author's function that serves it: `plain` without what salver's decorators made of it."""

    service: Service
    method: "MethodDescriptor"
    code: Any
    plain: Callable[..., Any]

    @property
    def handles(self) -> bool:
        """Whether it takes whole messages."""
        return not isinstance(self.code, Traced) and is_handler(self.service, self.method, self.plain)


def offers(services: Sequence[Service], instances: Iterable[object]) -> list[Offer]:
    """What serves which rpc. Raises Unusable for names that no rpc has, and for rpcs that cannot be served so."""
    found: list[Offer] = []
    names: set[str] = set()
    for service in services:
        if service.descriptor.full_name in names:
            what = f"declares the service {service.descriptor.full_name} again"
            raise Unusable(service.place, what, "let one class, or one call of .service, serve all of its rpcs")
        names.add(service.descriptor.full_name)
        check_ignored(service)
        mine = _of_class(service, instances) if service.owner else _of_functions(service)
        for offer in mine:
            check_unary(service, offer.method)
            found.append(offer)
    return found


def _of_functions(service: Service) -> Iterator[Offer]:
    for name, code in service.rpcs.items():
        if name not in service.descriptor.methods_by_name:
            raise _no_rpc(service, service.place, f"serves '{name}'")
        if not callable(code):
            what = f"serves {name} by a {type(code).__name__}"
            raise Unusable(service.place, what, f"write {name}=<a function>")
        yield Offer(service, service.descriptor.methods_by_name[name], code, _plain(code))


def _of_class(service: Service, instances: Iterable[object]) -> Iterator[Offer]:
    instance = next((each for each in instances if type(each) is service.owner), None)
    if instance is None:
        what = f"serves {service.descriptor.name} by a class that is under no name of this file"
        raise Unusable(service.place, what, "give each class a name of its own, and import those of other files")
    rpcs = {form: method for method in service.descriptor.methods for form in (_in_python(method.name), method.name)}
    for function in methods_of(instance):
        if function.name in rpcs:
            yield Offer(service, rpcs[function.name], function, function.plain)
        elif service.alone:
            raise _no_rpc(service, place_of(function.plain), f"defines the method '{function.name}'")


def _in_python(rpc: str) -> str:
    """The name that Python's own convention would give an rpc: DetectFaces is detect_faces."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", rpc).lower()


def _no_rpc(service: Service, place: object, does: str) -> Unusable:
    rpcs = ", ".join(method.name for method in service.descriptor.methods) or "none"
    what = f"{does}, but {service.descriptor.full_name} has no such rpc"
    others = ", let it begin with _, or put @salver.servable below the service to have more methods than its rpcs"
    return Unusable(place, what, f"use the name of one ({rpcs})" + (others if service.owner else ""))


def _plain(code: Any) -> Callable[..., Any]:
    plain: Callable[..., Any] = code.plain if isinstance(code, Function | Traced) else code
    return plain


def key(code: Any) -> object:
    """What tells the author's functions apart, however they are bound or decorated."""
    plain = _plain(code)
    return getattr(plain, "__func__", plain)


@dataclass
class Methods:
    """A servable's methods, and which of them serve rpcs."""

    served: list[tuple[Offer, Graph]] = field(default_factory=list)
    _public: dict[tuple[object, type | None], Graph] = field(default_factory=dict)
    _handlers: list[Graph] = field(default_factory=list)

    def add(self, code: Any, graph: Graph, owner: type | None = None) -> None:
        """A method of this function, which may be one of a class."""
        self._public[key(code), owner] = graph

    def serve(self, given: Sequence[Offer]) -> None:
        """Let methods serve rpcs; a handler, and a function that is none yet, becomes one. Raises Unusable."""
        for offer in given:
            if offer.handles:
                graph = graph_of_handler(offer.service, offer.method, offer.plain)
                self._handlers.append(graph)
            else:
                graph = self._known(offer) or self._new(offer)
            self.served.append((offer, graph))

    @property
    def public(self) -> list[Graph]:
        """Those that every protocol knows, in the order of their definition."""
        return list(self._public.values())

    @property
    def graphs(self) -> list[Graph]:
        """All of them."""
        return [*self.public, *self._handlers]

    def _known(self, offer: Offer) -> Graph | None:
        code, owner = key(offer.plain), offer.service.owner
        found = [graph for (known, of), graph in self._public.items() if known is code and owner in (of, None)]
        return found[0] if found else None

    def _new(self, offer: Offer) -> Graph:
        if isinstance(offer.code, Traced):
            what = f"serves {offer.method.name} by the method '{offer.code.name}', which is not defined in this file"
            raise Unusable(offer.service.place, what, "import it by its name at the top of the file")
        code = offer.code if isinstance(offer.code, Function) else row_function(offer.plain)
        self.add(code, graph_of_function(code))
        return self._public[key(code), None]


def with_services(servable: Servable, served: Sequence[tuple[Offer, Graph]]) -> Servable:
    """The servable with the services of these methods. Raises Unusable where fields and values do not fit."""
    rpcs: dict[Service, list[Rpc]] = {}
    for offer, graph in served:
        handled = graph.name.startswith("@")
        rpc = rpc_of_handler(offer.method, graph) if handled else rpc_of(offer.service, offer.method, graph)
        _check(replace(servable, services=(_spec(offer.service, [rpc]),)), graph)
        rpcs.setdefault(offer.service, []).append(rpc)
    return replace(servable, services=tuple(_spec(service, each) for service, each in rpcs.items()))


def _spec(service: Service, rpcs: Sequence[Rpc]) -> Spec:
    return Spec(service.descriptor.full_name, service.descriptors, tuple(rpcs))


def _check(servable: Servable, graph: Graph) -> None:
    try:
        _native.check_services(servable.to_json())
    except ValueError as error:
        remedy = "make the annotation and the field agree; salver.Json is any field as a document"
        if str(error).startswith("google.api.http "):
            remedy = "mend that option in the .proto; docs/json.md lists what routes may be"
        raise Unusable(graph.place, str(error), remedy) from None
