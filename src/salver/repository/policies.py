"""Which of a servable's versions should be served: pure functions of the versions there are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

LAST_VERSION = 2**63 - 1
"""Versions are numbers from 0 to this one."""


def is_version(value: object) -> bool:
    """Whether this may be the number of a version."""
    return type(value) is int and 0 <= value <= LAST_VERSION


class VersionPolicy(Protocol):
    """A choice among versions."""

    @property
    def named(self) -> frozenset[int]:
        """Versions that it asks for by number, so that it is a mistake if they do not exist."""

    def chosen(self, versions: Iterable[int]) -> list[int]:
        """Those of the versions there are that should be served, in ascending order."""


@dataclass(frozen=True)
class Latest:
    """The highest ones."""

    count: int = 1

    @property
    def named(self) -> frozenset[int]:
        return frozenset()

    def chosen(self, versions: Iterable[int]) -> list[int]:
        return sorted(versions)[-self.count :]


@dataclass(frozen=True)
class Every:
    """All there are."""

    @property
    def named(self) -> frozenset[int]:
        return frozenset()

    def chosen(self, versions: Iterable[int]) -> list[int]:
        return sorted(versions)


@dataclass(frozen=True)
class Specific:
    """Just these."""

    versions: frozenset[int]

    @property
    def named(self) -> frozenset[int]:
        return self.versions

    def chosen(self, versions: Iterable[int]) -> list[int]:
        return sorted(self.versions.intersection(versions))


@dataclass(frozen=True)
class Amended:
    """A policy, with exceptions: what is never to be served leaves its place to the next one."""

    policy: VersionPolicy
    also: frozenset[int] = frozenset()
    never: frozenset[int] = frozenset()

    @property
    def named(self) -> frozenset[int]:
        return (self.policy.named | self.also) - self.never

    def chosen(self, versions: Iterable[int]) -> list[int]:
        left = set(versions) - self.never
        return sorted({*self.policy.chosen(left), *(self.also & left)})
