"""From what an author's code raised to the problem that is shown: with its file and line, and a remedy."""

import sys
import traceback
from pathlib import Path

from salver.authoring.places import place_of_error
from salver.problems import Problem, Unusable


def problem_of(error: BaseException, file: Path) -> Problem:
    """What is wrong, by the innermost line that lies beside `file`, or below it."""
    if isinstance(error, Unusable):
        return error.problem
    if isinstance(error, SyntaxError) and error.filename:
        return Problem(f"{error.filename}:{error.lineno}", f"{type(error).__name__}: {error.msg}", "mend that line")
    place = place_of_error(error, file.parent)
    return Problem(str(place or file), _what(error), _remedy(error))


def _what(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"ends the process: it calls exit({error.code!r})"
    return "".join(traceback.format_exception_only(error)).strip()


def _remedy(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"install what it imports for {sys.executable}, or put it beside the file"
    return "mend it; the traceback is in the worker's output"
