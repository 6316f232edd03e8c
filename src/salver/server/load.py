"""From the versions that should exist to those that do: what fails is data, and stops nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from salver import _native
from salver.problems import Problem, Unusable
from salver.repository.scan import Refused, Repository, VersionFolder
from salver.runtimes.base import Loaded
from salver.runtimes.table import load


@dataclass(frozen=True)
class Catalog:
    """What a repository came to."""

    loaded: tuple[Loaded, ...]
    versions: tuple[_native.Version, ...]
    refused: tuple[Refused, ...]

    def unavailable(self) -> list[tuple[str, int, str]]:
        """What should be served but cannot be, each version with its first reason, as the native part takes it."""
        reasons: dict[tuple[str, int], str] = {}
        for each in self.refused:
            if each.version is not None:
                reason = f"{Path(each.problem.where).name}: {each.problem.what}"
                reasons.setdefault((each.servable, each.version), reason)
        return [(servable, version, reason) for (servable, version), reason in reasons.items()]


def load_all(repository: Repository, go_on: Callable[[], bool]) -> Catalog:
    """Load and start every version, one after the other, as long as `go_on` says so."""
    loaded: list[Loaded] = []
    versions: list[_native.Version] = []
    refused = list(repository.refused)
    for folder in repository.versions:
        if not go_on():
            break
        try:
            each = load(folder)
            versions.append(_started(each))
            loaded.append(each)
        except Unusable as error:
            refused.append(Refused(folder.servable, folder.version, error.problem))
    return Catalog(tuple(loaded), tuple(versions), tuple(refused))


def loading(folders: Sequence[VersionFolder]) -> list[tuple[str, int, str]]:
    """What callers are told about these versions until they are loaded."""
    return [(folder.servable, folder.version, "it is being loaded") for folder in folders]


def problems(repository: Repository, catalog: Catalog) -> list[Problem]:
    """Everything that is wrong, of the folders and of the models in them."""
    return [*repository.problems, *(each.problem for each in catalog.refused)]


def _started(loaded: Loaded) -> _native.Version:
    version = _native.Version(loaded.servable.to_json())
    loaded.start(version)
    return version
