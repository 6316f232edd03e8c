"""Everything that says which versions should exist, put together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from salver.problems import Problem
from salver.repository.base_path import BasePath
from salver.repository.scan import Kind, Refused, Repository, VersionFolder, scan, scan_listed
from salver.repository.traces import trace
from salver.repository.wishes import Wish, Wishes

_NONE = Repository((), (), ())
_BESIDE_CODE = 3


@dataclass(frozen=True)
class Sources:
    """A folder of servables or one file, servables that are listed by name, and what was asked of the server."""

    folder: Path | None = None
    listed: tuple[BasePath, ...] = ()
    wishes: Wishes = field(default_factory=dict)

    def wish_for(self, servable: str) -> Wish:
        return self.wishes.get(servable, Wish())

    def wish(self, servable: str, wish: Wish) -> "Sources":
        """The same, with this wish in the place of the former one."""
        return replace(self, wishes={**self.wishes, servable: wish})

    def list(self, listed: BasePath) -> "Sources":
        """The same, with this servable in the place of the one of its name, if there is one."""
        others = (each for each in self.listed if each.name != listed.name)
        return replace(self, listed=(*others, listed))

    def restored(self, servable: str, former: "Sources") -> "Sources":
        """The same, but of this servable what was said before."""
        others = tuple(each for each in self.listed if each.name != servable)
        listed = tuple(each for each in former.listed if each.name == servable)
        return replace(self, listed=others + listed).wish(servable, former.wish_for(servable))

    def places(self) -> tuple[Path, ...]:
        """Where a change may mean something."""
        listed = tuple(each.path for each in self.listed)
        return listed if self.folder is None else (self.folder, *listed)


def look(sources: Sources, suffixes: frozenset[str]) -> Repository:
    """What should exist now. `suffixes` are those of model files.

    A servable that is both in the folder and listed is the one that is listed. Raises Unusable if the folder itself
    is of no use.
    """
    folder = _NONE if sources.folder is None else scan(sources.folder, suffixes, sources.wishes)
    names = {each.name for each in sources.listed}
    hidden = sorted(names & _names(folder))
    found = [_without(folder, names)]
    found += [scan_listed(each, suffixes, sources.wish_for(each.name)) for each in sources.listed]
    found.append(Repository((), (), tuple(_twice(sources.folder, name) for name in hidden)))
    return _joined(found)


def narrowed(before: Repository, now: Repository, servables: Iterable[str]) -> Repository:
    """What was seen before, except for these servables, of which it is what is seen now."""
    names = set(servables)
    return _joined([_without(before, names), replace(_without(now, _names(now) - names), problems=())])


def labels(repository: Repository) -> dict[str, Mapping[str, int]]:
    """What versions should be called, by servable."""
    return {each.servable: each.settings.labels for each in repository.versions if each.settings.labels}


def unless_unsure(before: Repository, now: Repository) -> Repository:
    """What is seen now; of a servable that cannot be judged now, also the versions that were seen before.

    What speaks against the servable as a whole is then said of no version below them, which may have ended long ago.
    """
    unsure = {each.servable for each in now.refused if each.unsure} - {each.servable for each in now.versions}
    kept = tuple(each for each in before.versions if each.servable in unsure)
    highest = {each.servable: each.version for each in sorted(kept, key=lambda each: each.version)}
    refused = tuple(
        replace(each, version=max(each.version or 0, highest[each.servable]))
        if each.unsure and each.servable in highest
        else each
        for each in now.refused
    )
    return replace(now, versions=now.versions + kept, refused=refused)


def made_of(folder: VersionFolder) -> tuple[int, int, VersionFolder]:
    """What differs when a version's files do, or what is said about it."""
    code = folder.kind is not Kind.MODEL and folder.artefact.name == folder.kind.value
    seen = trace(folder.artefact.parent, _BESIDE_CODE) if code else trace(folder.artefact)
    return seen, 0 if folder.folder is None else trace(folder.folder), folder


def _names(repository: Repository) -> set[str]:
    return {each.servable for each in repository.versions} | {each.servable for each in repository.refused}


def _joined(parts: Iterable[Repository]) -> Repository:
    every = tuple(parts)
    return Repository(
        tuple(chain.from_iterable(each.versions for each in every)),
        tuple(chain.from_iterable(each.refused for each in every)),
        tuple(chain.from_iterable(each.problems for each in every)),
    )


def _without(repository: Repository, names: Iterable[str]) -> Repository:
    gone = set(names)
    versions = tuple(each for each in repository.versions if each.servable not in gone)
    refused: tuple[Refused, ...] = tuple(each for each in repository.refused if each.servable not in gone)
    return replace(repository, versions=versions, refused=refused)


def _twice(folder: Path | None, name: str) -> Problem:
    what = f"is served under its name from elsewhere: '{name}' is listed with a base path"
    return Problem(f"{folder}/{name}", what, "take one of the two away, or rename it")
