"""What a server should serve, as of the last look at what says so."""

from collections.abc import Iterable, Mapping

from salver.lifecycle.ledger import Wants
from salver.lifecycle.states import Key
from salver.problems import Problem
from salver.repository.scan import Repository, VersionFolder
from salver.repository.sources import Sources, labels, look, made_of, narrowed, unless_unsure
from salver.repository.traces import trace

_WHERE = "put it into the folder that is served, or say where its version folders are: --path DIR"


class Desire:
    """Belongs to one thread at a time. Made by a first look: raises Unusable if there is nothing to look at."""

    def __init__(self, sources: Sources, suffixes: frozenset[str]) -> None:
        self.sources = sources
        self._suffixes = suffixes
        self._told: set[Problem] = set()
        self.first_trace = self.trace()
        self.seen = look(sources, suffixes)
        self._folders = _by_key(self.seen)

    def look(self, sources: Sources, servables: Iterable[str] | None = None) -> None:
        """Take over these sources and look at them, or just at what they say of some servables.

        Raises Unusable if they cannot be looked at; then everything stays as it is.
        """
        now = unless_unsure(self.seen, look(sources, self._suffixes))
        self.seen = now if servables is None else narrowed(self.seen, now, servables)
        self._folders = _by_key(self.seen)
        self.sources = sources

    def wants(self) -> Wants:
        """For the ledger."""
        versions = {(each.servable, each.version): made_of(each) for each in self.seen.versions}
        refused: dict[Key, Problem] = {}
        for each in self.seen.refused:
            if each.version is not None:
                refused.setdefault((each.servable, each.version), each.problem)
        return Wants(versions, {key: refused[key] for key in refused.keys() - versions.keys()})

    def empty(self) -> dict[str, Problem]:
        """The listed servables that nothing should be served of, because their folders hold no version."""
        found = {each.servable for each in self.seen.versions}
        found |= {each.servable for each in self.seen.refused if each.version is not None}
        listed = {each.name for each in self.sources.listed} - found
        return {each.servable: each.problem for each in self.seen.refused if each.servable in listed}

    def folders(self) -> Mapping[Key, VersionFolder]:
        return self._folders

    def labels(self) -> Mapping[str, Mapping[str, int]]:
        return labels(self.seen)

    def trace(self) -> int:
        """Changes whenever there may be something new to see."""
        return hash(tuple(trace(place) for place in self.sources.places()))

    def news(self) -> list[Problem]:
        """What is wrong with what was seen, and was not told before. What was mended may be told again."""
        problems = [*self.seen.problems, *(each.problem for each in self.seen.refused)]
        new = [problem for problem in dict.fromkeys(problems) if problem not in self._told]
        self._told = set(problems)
        return new

    def why_not(self, servable: str, version: int | None) -> Problem | None:
        """What keeps a version, or all of a servable, from being tried at all."""
        if any(name == servable and version in (None, number) for name, number in self.folders()):
            return None
        of_it = [each for each in self.seen.refused if each.servable == servable]
        refused = [each for each in of_it if version in (None, each.version)] or of_it
        return refused[0].problem if refused else Problem(servable, "is nowhere to be found", _WHERE)


def _by_key(seen: Repository) -> dict[Key, VersionFolder]:
    return {(each.servable, each.version): each for each in seen.versions}
