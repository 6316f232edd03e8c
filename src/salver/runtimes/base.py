"""The contract between the server and whatever runs one kind of model file.

A runtime is a module that is a `Runtime`; one line in `salver.runtimes.table` adds it. It must not import its
framework: whatever needs the framework runs natively or in a worker. It decides whether rows may run together, and
writes down why not.
"""

from abc import ABC, abstractmethod
from typing import Protocol

from salver import _native
from salver.authoring.spec import Servable
from salver.repository.scan import VersionFolder


class Loaded(ABC):
    """One version that is loaded but not yet running. `start` is called once at most, and nothing after it."""

    servable: Servable
    instances: int

    @abstractmethod
    def try_once(self) -> None:
        """Run the model on made-up input. Raises Unusable if it refuses; not called by a server that starts."""

    @abstractmethod
    def start(self, version: _native.Version) -> None:
        """Add the lanes that run every stage. Raises Unusable."""


class Runtime(Protocol):
    """The names that the module of a runtime has."""

    @property
    def SUFFIXES(self) -> frozenset[str]:  # noqa: N802
        """The endings of the files that it runs."""

    def load(self, folder: VersionFolder, /) -> Loaded:
        """From one version's folder to what serves it. Raises Unusable for all that its user can mend."""
