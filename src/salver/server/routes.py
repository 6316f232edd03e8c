"""What callers can reach at one moment, and how the native part is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from salver import _native
from salver.lifecycle.states import State


class Absent(NamedTuple):
    """A version that does not answer: where it is in its life, and why, where that is a problem.

    One that is not `wanted` is on its way out, or a memory.
    """

    servable: str
    version: int
    state: State
    wanted: bool = True
    problem: str = ""


@dataclass(frozen=True)
class Routes:
    """Versions that answer, others that there are or should be, and by which labels versions may be called."""

    versions: Sequence[_native.Version] = ()
    absent: Sequence[Absent] = ()
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def know(self, servable: str, version: int) -> bool:
        """Whether this is served, or should be."""
        wanted = {(each.servable, each.version) for each in self.absent if each.wanted}
        return _holds(self.versions, servable, version) or (servable, version) in wanted


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
    absent = [(*each[:2], each.state.value, each.wanted, each.problem) for each in routes.absent]
    front.publish(routes.versions, absent, routes.labels)
