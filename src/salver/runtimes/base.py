"""The contract between the server and whatever runs one kind of model file.

A runtime is a module that is a `Runtime`; one line in `salver.runtimes.table` adds it. It must not import its
framework: whatever needs the framework runs natively or in a worker. It decides whether rows may run together, and
writes down why not.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from salver import _native
from salver.authoring.spec import Servable
from salver.repository.scan import VersionFolder

if TYPE_CHECKING:
    from salver.workers.orders import Orders
    from salver.workers.supervisor import Team


@dataclass(frozen=True)
class Trial:
    """One row to call a method with: its inputs by name, as plain JSON says them. `file` is the author's.

    `own` says that the row is the author's, too, so that the method must answer it; else it was made up.
    """

    file: Path
    method: str
    inputs: Mapping[str, Any]
    own: bool


class Loaded(ABC):
    """One version that is loaded but not yet running. `start` is called once at most, `close` once and last."""

    servable: Servable

    @property
    @abstractmethod
    def capacity(self) -> tuple[int, str]:
        """How many run at once of what: instances, or workers."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What its user should know of how its models are run."""
        return ()

    @abstractmethod
    def try_once(self) -> list[Trial]:
        """Try before `start` what can be; gives what is to be tried after it. Raises Unusable if a model refuses.

        A server that starts does not ask for it.
        """

    @abstractmethod
    def start(self, version: _native.Version) -> None:
        """Add the lanes that run every stage. Raises Unusable."""

    def retire(self) -> None:  # noqa: B027 (most have nothing to do)
        """The version is about to end: bring nothing back that ends from now on."""

    def close(self) -> None:  # noqa: B027
        """Release everything, whether it was started or not; the version has ended."""


class Host(Protocol):
    """What a server has for its runtimes."""

    def team(self, orders: "Orders") -> "Team":
        """The workers of a version that is about to be loaded. Raises Unusable once they were given up."""

    def give_up(self) -> None:
        """End workers that are still loading, and give no more."""


class Runtime(Protocol):
    """The names that the module of a runtime has."""

    def runs(self, folder: VersionFolder, /) -> bool:
        """Whether it is the runtime for this."""

    def suffixes(self) -> frozenset[str]:
        """The endings of the model files that it runs."""

    def load(self, folder: VersionFolder, host: Host, /) -> Loaded:
        """From one version's folder to what serves it. Raises Unusable for all that its user can mend."""
