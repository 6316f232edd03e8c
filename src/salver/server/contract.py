"""The contract of one servable that would be served, found out by loading it."""

from collections.abc import Sequence
from pathlib import Path

from salver.authoring.spec import Servable
from salver.config.settings import Config
from salver.problems import Unusable
from salver.repository.scan import Kind, Refused, Repository, VersionFolder, scan
from salver.runtimes import table
from salver.server.live import LiveServer
from salver.server.load import Running


def servable_at(place: Path, name: str | None, version: int | None) -> Servable:
    """Load a servable of this folder, or of this file: the only one, unless it is named; the latest version.

    Raises Unusable.
    """
    repository = scan(_code_of(place), table.suffixes())
    folder = _version(place, _named(place, repository, name), version)
    server = LiveServer(Config())
    try:
        [outcome] = server.add([folder])
    finally:
        server.stop()
    if isinstance(outcome, Running):
        return outcome.loaded.servable
    raise Unusable(outcome.problem.where, outcome.problem.what, outcome.problem.remedy)


def _code_of(place: Path) -> Path:
    """The code in a servable's own folder, if it is one."""
    code = [place / kind.value for kind in (Kind.SERVABLE, Kind.SERVABLE_CONFIG)]
    return next((file for file in code if file.is_file()), place)


def _named(place: Path, repository: Repository, name: str | None) -> list[VersionFolder | Refused]:
    found: list[VersionFolder | Refused] = [*repository.versions, *repository.refused]
    names = sorted({each.servable for each in found})
    chosen = name or (names[0] if len(names) == 1 else None)
    if chosen is None:
        raise Unusable(place, f"holds {len(names)} servables", f"name one: {', '.join(names)}")
    if chosen not in names:
        raise Unusable(place, f"holds no servable '{chosen}'", f"name one of {', '.join(names)}")
    return [each for each in found if each.servable == chosen]


def _version(place: Path, found: Sequence[VersionFolder | Refused], version: int | None) -> VersionFolder:
    usable = [each for each in found if isinstance(each, VersionFolder) and version in (None, each.version)]
    if usable:
        return max(usable, key=lambda each: each.version)
    for each in found:
        if isinstance(each, Refused):
            raise Unusable(each.problem.where, each.problem.what, each.problem.remedy)
    there = ", ".join(str(each.version) for each in found)
    raise Unusable(place, f"'{found[0].servable}' has no version {version}", f"there is {there}")
