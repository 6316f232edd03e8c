"""How much is said of what is not an error: `GLOG_v`, by which MindSpore is told so, too."""

import logging
from collections.abc import Mapping

_LEVELS = {
    "0": logging.DEBUG,
    "1": logging.INFO,
    "2": logging.WARNING,
    "3": logging.ERROR,
    "4": logging.CRITICAL,
}
_LOGGERS = ("mindspore_serving", "salver.servable")


def follow_glog(environment: Mapping[str, str]) -> None:
    """Let the loggers of a servable say what `GLOG_v` allows; anything else than a level changes nothing."""
    level = _LEVELS.get(environment.get("GLOG_v", ""))
    if level is not None:
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(level)
