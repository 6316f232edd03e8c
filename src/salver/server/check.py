"""`salver check`: everything that serving would do, and a call of every method, without anybody else's calls."""

import tempfile
from pathlib import Path

from salver.config.settings import Config
from salver.problems import Problem, Unusable
from salver.repository.scan import scan
from salver.runtimes import table
from salver.runtimes.base import Loaded, Trial
from salver.server.live import LiveServer
from salver.server.load import Running, Watch, problems
from salver.server.report import Report, counted, described
from salver.server.trial import Refusal, call


def check(place: Path) -> int:
    """Report what would be served and every problem; 1 if there is one. Raises Unusable for a useless place."""
    report = Report()
    repository = scan(place, table.suffixes())
    trying = _Trying()
    server = LiveServer(Config())
    try:
        outcomes = server.add(repository.versions, repository.refused, Watch(loaded=trying.before_start))
        running = [each for each in outcomes if isinstance(each, Running)]
        trying.call(server, running)
    finally:
        server.stop()
    if running:
        report.say(described([each.loaded for each in running]))
    for note in trying.notes:
        report.say(note)
    found = problems(repository, outcomes) + trying.problems
    for problem in found:
        report.problem(problem)
    report.say(f"{counted(len(running), 'version')} loaded, {counted(len(found), 'problem')}")
    return 1 if found else 0


class _Trying:
    """Tries models before they are started, and methods after that, as a caller does."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self._trials: dict[int, list[Trial]] = {}

    def before_start(self, loaded: Loaded) -> None:
        try:
            self._trials[id(loaded)] = loaded.try_once()
        except Unusable as error:
            self.problems.append(error.problem)

    def call(self, server: LiveServer, running: list[Running]) -> None:
        """Call every method for which there is a row."""
        if not any(self._trials.values()):
            return
        # Paths of sockets are short, and the folder is for this user alone.
        with tempfile.TemporaryDirectory() as folder:
            socket = Path(folder, "s")
            server.listen(f"unix:{socket}", None)
            for each in running:
                for trial in self._trials.get(id(each.loaded), []):
                    target = f"{each.version.name}/versions/{each.version.version}/{trial.method}"
                    self._judge(trial, call(socket, target, trial.inputs))

    def _judge(self, trial: Trial, refusal: Refusal | None) -> None:
        if refusal is None:
            return
        if trial.own:
            what = f"'{trial.method}' does not answer its example: {refusal.message}"
            self.problems.append(Problem(str(trial.file), what, "mend the method, or its example"))
        elif refusal.lost:
            what = f"'{trial.method}' ended its worker at a made-up row: {refusal.message}"
            self.problems.append(Problem(str(trial.file), what, "see what the worker printed, and mend the method"))
        elif refusal.broke_promise:
            what, _, remedy = refusal.message.rpartition(": ")
            self.problems.append(Problem(str(trial.file), f"'{trial.method}' breaks its contract: {what}", remedy))
        else:
            told = f"{trial.file}: '{trial.method}' refused a made-up row, perhaps rightly: {refusal.message}"
            self.notes.append(f"{told}\n  it is tried with yours if you give it one: example={{...}}")
