"""From the versions that should exist to those that do: what fails is data, and stops nothing else."""

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from salver import _native
from salver.lifecycle.states import State
from salver.problems import Problem, Unusable
from salver.repository.scan import Refused, Repository, VersionFolder
from salver.runtimes import table
from salver.runtimes.base import Host, Loaded
from salver.runtimes.own_service import with_service
from salver.server.routes import Absent

_POLL_S = 0.02


@dataclass(frozen=True)
class Running:
    """A version that is loaded and has its lanes."""

    loaded: Loaded
    version: _native.Version


Outcome = Running | Refused


def _always() -> bool:
    return True


def _nothing(_: object) -> None:
    pass


@dataclass(frozen=True)
class Watch:
    """Somebody who looks on: loading ends when `go_on` says no; `loaded` is called before a version is started."""

    go_on: Callable[[], bool] = _always
    loaded: Callable[[Loaded], None] = _nothing


def load_all(folders: Sequence[VersionFolder], host: Host, watch: Watch) -> list[Outcome]:
    """Load and start every version; outcomes are in the order of the folders.

    Those that workers load are loaded at once, since most of that time is not the server's; meanwhile the others are,
    one after the other. When it is to go on no more, workers are given up, and what is not loaded yet is left out.
    """
    go_on = watch.go_on
    outcomes: dict[int, Outcome] = {}
    by_workers = [index for index, folder in enumerate(folders) if table.takes_worker(folder)]
    threads = [
        Thread(target=_put, args=(outcomes, index, folders[index], host, watch), name="loading", daemon=True)
        for index in by_workers
    ]
    for thread in threads:
        thread.start()
    for index in sorted(set(range(len(folders))) - set(by_workers)):
        if go_on():
            _put(outcomes, index, folders[index], host, watch)
    for thread in threads:
        while thread.is_alive() and go_on():
            thread.join(_POLL_S)
    if not go_on():
        host.give_up()
        for thread in threads:
            thread.join()
    return [outcome for _, outcome in sorted(outcomes.items())]


def load_one(folder: VersionFolder, host: Host, watch: Watch) -> Outcome:
    """Load and start this version. Whatever happens to it is told, and is no other's affair."""
    try:
        return _running(folder, host, watch)
    except Unusable as error:
        problem = error.problem
    except OSError as error:
        # Files may vanish while they are looked at.
        what = f"cannot be read: {error.strerror or error}"
        problem = Problem(str(error.filename or folder.artefact), what, "see that it stays")
    except Exception:
        traceback.print_exc()
        what = "could not be loaded, for a reason of salver's own"
        problem = Problem(str(folder.artefact), what, "report what was printed above")
    return Refused(folder.servable, folder.version, problem)


def loading(folders: Iterable[VersionFolder]) -> list[Absent]:
    """What callers are told about these versions until they are loaded."""
    return [Absent(folder.servable, folder.version, State.LOADING) for folder in folders]


def unavailable(refused: Iterable[Refused]) -> list[Absent]:
    """What should be served but cannot be, each version with its first reason."""
    reasons: dict[tuple[str, int], str] = {}
    for each in refused:
        if each.version is not None:
            reasons.setdefault((each.servable, each.version), reason(each.problem))
    return [Absent(*key, State.END, problem=why) for key, why in reasons.items()]


def reason(problem: Problem) -> str:
    """A problem as callers are told it."""
    return f"{Path(problem.where).name}: {problem.what}"


def problems(repository: Repository, outcomes: Iterable[Outcome]) -> list[Problem]:
    """Everything that is wrong, of the folders and of what is in them."""
    refused = [*repository.refused, *(each for each in outcomes if isinstance(each, Refused))]
    return [*repository.problems, *(each.problem for each in refused)]


def _put(outcomes: dict[int, Outcome], index: int, folder: VersionFolder, host: Host, watch: Watch) -> None:
    outcomes[index] = load_one(folder, host, watch)


def _running(folder: VersionFolder, host: Host, watch: Watch) -> Running:
    loaded = table.load(folder, host)
    watch.loaded(loaded)
    try:
        version = _version(folder, loaded)
    except Unusable:
        loaded.close()
        raise
    try:
        loaded.start(version)
    except BaseException:
        loaded.retire()
        version.end()
        loaded.close()
        raise
    return Running(loaded, version)


def _version(folder: VersionFolder, loaded: Loaded) -> _native.Version:
    if folder.settings.proto:
        loaded.servable = with_service(loaded.servable, folder.artefact)
    try:
        return _native.Version(loaded.servable.to_json())
    except ValueError as error:
        remedy = "mend its methods; if they are right, this is a mistake of salver"
        raise Unusable(folder.artefact, f"does not hold together: {error}", remedy) from None
