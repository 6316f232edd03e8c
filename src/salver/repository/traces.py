"""What can be seen of files without opening them: a trace changes when they do."""

import os
import stat
from pathlib import Path

_DEEPEST = 5


def trace(path: Path, deepest: int = _DEEPEST) -> int:
    """A number that stands for the names, sizes and times of everything at and below this path; also for nothing."""
    return hash(_look(str(path), deepest))


def _look(path: str, deepest: int) -> tuple[object, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116 (ten thousand of them each second)
        if not deepest or not stat.S_ISDIR(found.st_mode):
            return found.st_ino, found.st_mtime_ns, found.st_size
        names = sorted(name for name in os.listdir(path) if not name.startswith((".", "__pycache__")))  # noqa: PTH208
    except OSError as error:
        return (error.errno,)
    except ValueError:
        # No file system has such a path, with a NUL in it.
        return ()
    return (found.st_ino, *((name, _look(f"{path}/{name}", deepest - 1)) for name in names))


class Calm:
    """Tells when a change is over: what is being copied is not looked at half-way, nor what vanished for a moment.

    A change counts once two looks in a row see the same, or when there has been no such pair for too long.
    """

    def __init__(self, seen: int, patience: int = 10) -> None:
        self._acted_on = self._last = seen
        self._patience = self._restless = patience

    def over(self, seen: int) -> bool:
        """Whether it is time to act on what is seen now."""
        same, self._last = seen == self._last, seen
        if seen == self._acted_on:
            self._restless = self._patience
            return False
        self._restless -= 1
        if not same and self._restless > 0:
            return False
        self._acted_on, self._restless = seen, self._patience
        return True
