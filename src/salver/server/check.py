"""`salver check`: everything that loading would do, and a run of every model, without serving anything."""

from pathlib import Path

from salver.problems import Problem, Unusable
from salver.repository.scan import scan
from salver.runtimes.base import Loaded
from salver.runtimes.table import SUFFIXES, load
from salver.server.report import Report, counted, described


def check(directory: Path) -> int:
    """Report what would be served and every problem; 1 if there is one. Raises Unusable for a useless directory."""
    report = Report()
    repository = scan(directory, SUFFIXES)
    problems: list[Problem] = [*repository.problems, *(each.problem for each in repository.refused)]
    good: list[Loaded] = []
    for folder in repository.versions:
        try:
            loaded = load(folder)
            good.append(loaded)
            loaded.try_once()
        except Unusable as error:
            problems.append(error.problem)
    if good:
        report.say(described(good))
    for problem in problems:
        report.problem(problem)
    report.say(f"{counted(len(good), 'version')} loaded, {counted(len(problems), 'problem')}")
    return 1 if problems else 0
