"""A file that lines are added to, of bounded size."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from salver.repository.logs import Logs


class LogFile:
    """Belongs to one thread. It is opened for each line, so that it may be moved away by others.

    `complain` is told once if it cannot be written; nothing more is tried then.
    """

    def __init__(self, logs: Logs, name: str, complain: Callable[[str], None]) -> None:
        self._path = logs.folder / name
        self._logs = logs
        self._complain = complain
        self._given_up = False

    def write(self, line: str) -> None:
        """Add a line."""
        if self._given_up:
            return
        try:
            self._add(f"{line}\n".encode(errors="backslashreplace"))
        except OSError as error:
            self._given_up = True
            self._complain(f"salver: {self._path} cannot be written: {error.strerror or error}; it is left as it is")

    def _add(self, data: bytes) -> None:
        with self._path.open("ab") as file:
            if not self._too_large(file, data):
                file.write(data)
                return
        self._rotate()
        with self._path.open("wb") as file:
            file.write(data)

    def _too_large(self, file: BinaryIO, data: bytes) -> bool:
        size, most = file.tell(), self._logs.most_bytes
        return bool(most and size and size + len(data) > most)

    def _rotate(self) -> None:
        """The newest backup is number 1."""
        for number in range(self._logs.backups, 0, -1):
            older = self._path if number == 1 else self._backup(number - 1)
            if older.exists():
                older.replace(self._backup(number))

    def _backup(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
