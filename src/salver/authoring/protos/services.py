"""What a servable's file says of the services that it serves."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salver.authoring.options import servable, servable_options
from salver.authoring.places import Place
from salver.problems import Unusable

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor

    from salver.authoring.protos.pool import Described


@dataclass(frozen=True, eq=False)
class Service:
    """A service of a `.proto` file, and what serves it: functions by the names of rpcs, or a class."""

    described: "Described"
    descriptors: bytes
    descriptor: "ServiceDescriptor"
    place: Place
    ignored: frozenset[str]
    rpcs: Mapping[str, Callable[..., Any]]
    owner: type | None = None
    alone: bool = False
    """Whether the class is nothing but this service."""

    def of_class(self, owner: type) -> type:
        """Be the service that this class is."""
        if not isinstance(owner, type):
            what = f"puts a service on a {type(owner).__name__}"
            remedy = f'put it on a class, or write .service("{self.descriptor.name}", <rpc>=<function>)'
            raise Unusable(self.place, what, remedy)
        alone = servable_options(owner) is None
        if alone:
            servable(owner)
        given = (self.described, self.descriptors, self.descriptor, self.place, self.ignored, self.rpcs)
        declare(Service(*given, owner, alone))
        return owner


_declared: ContextVar[list[Service] | None] = ContextVar("salver_services", default=None)


@contextmanager
def declaring_services() -> Iterator[list[Service]]:
    """While it lasts, every service that is declared is put into this list."""
    services: list[Service] = []
    token = _declared.set(services)
    try:
        yield services
    finally:
        _declared.reset(token)


def declare(service: Service) -> Service:
    """Note it, if a servable's file is being read."""
    declared = _declared.get()
    if declared is not None:
        declared.append(service)
    return service
