"""Where in an author's files something is: what every problem begins with."""

import inspect
import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

_OURS = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place_of(code: Callable[..., Any] | type) -> Place:
    """Where a function or class is defined: the line of its name, below its decorators."""
    if isinstance(code, type):
        return _place_of_class(code)
    function = inspect.unwrap(code)
    compiled = getattr(getattr(function, "__func__", function), "__code__", None)
    if compiled is None:
        return Place(f"<{getattr(code, '__module__', 'unknown')}>", 0)
    return Place(compiled.co_filename, _below_decorators(compiled.co_filename, compiled.co_firstlineno))


def place_of_caller() -> Place:
    """The line outside of salver that is being run."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return Place("<unknown>", 0) if frame is None else Place(frame.f_code.co_filename, frame.f_lineno)


def place_of_error(error: BaseException, folder: Path) -> Place | None:
    """The innermost line of a file in `folder` that the error went through."""
    found, at = None, error.__traceback__
    while at is not None:
        file = at.tb_frame.f_code.co_filename
        if Path(file).is_relative_to(folder) and not _is_ours(file):
            found = Place(file, at.tb_lineno)
        at = at.tb_next
    return found


def _is_ours(file: str) -> bool:
    return file.startswith((_OURS + "/", "<frozen importlib"))


def _place_of_class(code: type) -> Place:
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return Place(f"<{code.__module__}>", 0)
    before = next((count for count, line in enumerate(lines) if line.lstrip().startswith("class ")), 0)
    return Place(inspect.getsourcefile(code) or "", first + before)


def _below_decorators(file: str, first: int) -> int:
    line = first
    while text := linecache.getline(file, line):
        if text.lstrip().startswith(("def ", "async def ")):
            return line
        line += 1
    return first
