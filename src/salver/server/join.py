"""One process of workers whose server is elsewhere, from its start to its end."""

import threading
from pathlib import Path

from salver import _native
from salver.cluster.crew import Crew, crew_of
from salver.config.settings import WorkerConfig
from salver.problems import Unusable
from salver.repository.scan import VersionFolder, scan
from salver.repository.wishes import Wish
from salver.runtimes import table
from salver.server.report import Report, counted
from salver.server.signals import StopSignal

_POLL_S = 0.02


def work(config: WorkerConfig, place: Path, name: str) -> int:
    """Serve what this folder says of a servable until a signal comes; gives the exit status.

    Raises Unusable for what cannot be loaded. Whether a server is there makes no difference but to callers.
    """
    with StopSignal() as stop:
        return _work(config, place, name, stop)


def _work(config: WorkerConfig, place: Path, name: str, stop: StopSignal) -> int:
    report, folders = Report(), _versions(config, place, name)
    crew = crew_of(config)
    try:
        report.say(f"salver {_native.version()}, loading {counted(len(folders), 'version')} of {name}")
        _start(crew, folders, config, stop)
        if not stop.asked:
            report.say(f"ready for the server at {config.join}")
            stop.wait()
        report.say("stopping: batches in hand are finished")
    finally:
        crew.stop(config.drain_timeout_s)
    report.say("stopped")
    return 0


def _versions(config: WorkerConfig, place: Path, name: str) -> list[VersionFolder]:
    """The version that was asked for, or those that salver.toml says. Raises Unusable if there is none."""
    wanted = config.servable_version
    wish = Wish() if wanted is None else Wish(also=frozenset({wanted}))
    repository = scan(place, table.suffixes(), {name: wish})
    found = [each for each in repository.versions if each.servable == name and wanted in (None, each.version)]
    if found:
        return found
    for each in repository.refused:
        if each.servable == name and wanted in (None, each.version):
            raise Unusable(each.problem.where, each.problem.what, each.problem.remedy)
    asked = f"'{name}'" if wanted is None else f"version {wanted} of '{name}'"
    raise Unusable(place, f"holds no {asked}", f"put its code or its model files into {place / name}")


def _start(crew: Crew, folders: list[VersionFolder], config: WorkerConfig, stop: StopSignal) -> None:
    """Load all of them, unless a signal comes first. Raises Unusable, and whatever else loading raises."""
    failures: list[Exception] = []

    def load() -> None:
        try:
            for folder in folders:
                crew.start(folder, config.workers)
        except Exception as error:
            failures.append(error)

    loading = threading.Thread(target=load, name="loading", daemon=True)
    loading.start()
    while loading.is_alive() and not stop.asked:
        loading.join(_POLL_S)
    if failures and not stop.asked:
        raise failures[0]
