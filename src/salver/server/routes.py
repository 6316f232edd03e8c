"""What callers can reach at one moment, and how the native part is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from salver import _native

Missing = tuple[str, int, str]
"""A servable, a version of it that should be served and is not, and why."""


@dataclass(frozen=True)
class Routes:
    """Versions that answer, those that should and do not, and by which labels versions may be called."""

    versions: Sequence[_native.Version] = ()
    missing: Sequence[Missing] = ()
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def know(self, servable: str, version: int) -> bool:
        """Whether this is among them, be it missing."""
        return _holds(self.versions, servable, version) or (servable, version) in {each[:2] for each in self.missing}


@dataclass(frozen=True)
class Joined:
    """What workers that have joined serve; all of those that ran the versions in `left` are gone."""

    served: Sequence[_native.Version] = ()
    left: Sequence[_native.Version] = ()

    def know(self, servable: str, version: int) -> bool:
        return _holds((*self.served, *self.left), servable, version)

    def beside(self, own: Routes) -> Routes:
        """The server's own routes and these. What the server has come to serve itself, it does.

        A version without workers gives way to others of its servable, which callers then get who name no version.
        """
        served = [each for each in self.served if not _holds(own.versions, each.name, each.version)]
        versions = [*own.versions, *served]
        names = {each.name for each in versions}
        return replace(own, versions=[*versions, *(each for each in self.left if each.name not in names)])


def _holds(versions: Sequence[_native.Version], servable: str, version: int) -> bool:
    return any((each.name, each.version) == (servable, version) for each in versions)


def publish(front: _native.Server, routes: Routes) -> None:
    """Replace, atomically, what a front's calls are routed to."""
    front.publish(routes.versions, routes.missing, routes.labels)
