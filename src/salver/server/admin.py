"""What a server may be asked to do while it runs, in its own words and in TensorFlow Serving's."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from salver.lifecycle.states import Record, State
from salver.problems import Problem, Unusable
from salver.repository.base_path import BasePath
from salver.repository.sources import Sources
from salver.repository.wishes import Wish
from salver.server.manager import Manager
from salver.server.reload import Refusal, Reload


class Admin:
    """For any thread. Every method waits until it is done, and raises Unusable if it cannot be.

    What is asked for lasts until the server ends or is asked otherwise; folders are looked at anew for it.
    """

    def __init__(self, manager: Manager, reload: Reload, list_anew: Callable[[], None]) -> None:
        """`list_anew` reads again whatever file lists servables."""
        self._manager = manager
        self._reload = reload
        self._list_anew = list_anew

    def load(self, servable: str, version: int | None = None, path: Path | None = None) -> list[dict[str, Any]]:
        """Serve a servable, or one more version of it; `path` is where its versions are, if not where they were."""
        former = self._manager.sources

        def loading(sources: Sources) -> Sources:
            wished = sources.wish(servable, sources.wish_for(servable).load(version))
            return wished if path is None else wished.list(BasePath(servable, _absolute(path)))

        self._manager.look(loading, [servable])
        problem = self._manager.why_not(servable, version)
        if problem is not None:
            self._manager.look(lambda sources: sources.restored(servable, former), [servable])
            raise Unusable(problem.where, problem.what, problem.remedy)
        self._manager.try_again(servable, version)
        return _shown(_successful(self._settled(servable, version)))

    def unload(self, servable: str, version: int | None = None) -> list[dict[str, Any]]:
        """Serve a servable, or this version of it, no more; under its policy another version may take its place."""
        self._check_known(servable, version)
        self._wish(servable, lambda wish: wish.unload(version))
        others = _successful(self._settled(servable))
        self._manager.wait(servable, _left)
        return _shown(others)

    def label(self, servable: str, label: str, version: int | None) -> list[dict[str, Any]]:
        """Call an available version by this label, or with None no version any more."""
        self._check_known(servable)
        if version is not None and version not in self._manager.available(servable):
            what = f"version {version} is not available, so that it cannot be labelled '{label}'"
            raise Unusable(servable, what, f"load it first: salver load {servable} --servable-version {version}")
        if version is None and label not in self._manager.labels(servable):
            known = ", ".join(sorted(self._manager.labels(servable))) or "it has none"
            raise Unusable(servable, f"has no label '{label}'", f"its labels: {known}")
        self._wish(servable, lambda wish: wish.label(label, version))
        return self.status(servable)

    def reload(self, config: str | None = None) -> list[dict[str, Any]]:
        """Look at all folders and files again, and follow what they say; or what is listed in this text."""
        if config is not None:
            self._follow(config)
            return self.status()
        self._list_anew()
        self._manager.look()
        every = {status.record.servable for status in self._manager.statuses()}
        for servable in sorted(every):
            self._settled(servable)
        return self.status()

    def status(self, servable: str | None = None) -> list[dict[str, Any]]:
        """Every version that there is, should be, or was lately."""
        found = [each for each in self._manager.statuses() if servable in (None, each.record.servable)]
        return [_plain(each.record) | {"wanted": each.record.wanted, "labels": list(each.labels)} for each in found]

    def _follow(self, config: str) -> None:
        try:
            self._reload.text(config, "config")
        except Refusal as error:
            raise Unusable("config", str(error), "mend it, or what it names") from None

    def _wish(self, servable: str, amend: Callable[[Wish], Wish]) -> None:
        self._manager.look(lambda sources: sources.wish(servable, amend(sources.wish_for(servable))), [servable])

    def _check_known(self, servable: str, version: int | None = None) -> None:
        records = [each.record for each in self._manager.statuses() if each.record.servable == servable]
        wanted = [record for record in records if record.wanted]
        if not wanted:
            raise Unusable(servable, "is not served", "`salver status --admin ADDR` lists what is")
        if version is not None and version not in {record.version for record in wanted}:
            numbers = ", ".join(str(record.version) for record in wanted)
            raise Unusable(servable, f"version {version} is not served", f"those that are: {numbers}")

    def _settled(self, servable: str, version: int | None = None) -> list[Record]:
        """What is wanted of a servable, or of this version, once there is nothing left to wait for."""

        def wanted(records: Iterable[Record]) -> list[Record]:
            return [record for record in records if record.wanted and version in (None, record.version)]

        records = self._manager.wait(servable, lambda found: all(record.settled for record in wanted(found)))
        return wanted(records)


def _left(records: Iterable[Record]) -> bool:
    """Whether nothing is there that is not wanted."""
    return all(record.wanted or record.state is State.END for record in records)


def _successful(records: Sequence[Record]) -> Sequence[Record]:
    """The same. Raises Unusable with the problem of the highest one that cannot be served, if there is one."""
    for record in reversed(records):
        if record.state is not State.AVAILABLE and record.problem is not None:
            problem = record.problem
            raise Unusable(problem.where, problem.what, problem.remedy)
    return records


def _shown(records: Iterable[Record]) -> list[dict[str, Any]]:
    return [_plain(record) for record in records]


def _plain(record: Record) -> dict[str, Any]:
    shown: dict[str, Any] = {"servable": record.servable, "version": record.version, "state": record.state.value}
    if record.problem is not None:
        shown["problem"] = plain_problem(record.problem)
    return shown


def plain_problem(problem: Problem) -> dict[str, str]:
    """As it goes through the admin's socket."""
    return {"where": problem.where, "what": problem.what, "remedy": problem.remedy}


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise Unusable(path, "is a relative path, which means nothing to a server", "give the whole path, from / on")
    return path
