"""The files in which MindSpore Serving writes down what each worker prints: `serving_logs/log_...log`."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from salver.config.values import whole_number
from salver.repository.logs import Logs

FOLDER = "serving_logs"
_LARGEST, _BACKUPS = "logger_maxBytes", "logger_backupCount"
_DEFAULTS = {_LARGEST: 50 * 1024**2, _BACKUPS: 3}
_HIGHEST = 2**63 - 1

_log = logging.getLogger("mindspore_serving")


def logs_here(environment: Mapping[str, str]) -> Logs | None:
    """In the current folder; None, with a warning, if nothing can be written there.

    `environment` may say how large a file becomes before it is begun anew, 0 for no limit, and how many are kept
    beside it. Raises RuntimeError for what is no such number.
    """
    largest, backups = (_number(environment, name) for name in (_LARGEST, _BACKUPS))
    try:
        folder = Path.cwd() / FOLDER
        folder.mkdir(exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(0, "it may not be written to", str(folder))
    except OSError as error:
        _log.warning("What workers print is not written to %s: %s", FOLDER, error.strerror or error)
        return None
    return Logs(folder, largest, backups)


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name)
    if text is None:
        return _DEFAULTS[name]
    try:
        return whole_number(0, _HIGHEST)(text)
    except ValueError as error:
        raise RuntimeError(f"The environment variable {name} is '{text}': {error}") from None
