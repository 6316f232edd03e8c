"""How much is said of what is not an error: `GLOG_v` and `MS_SUBMODULE_LOG_v`, by which MindSpore is told so, too."""

import logging
import re
from collections.abc import Mapping

_LEVELS = {
    "0": logging.DEBUG,
    "1": logging.INFO,
    "2": logging.WARNING,
    "3": logging.ERROR,
    "4": logging.CRITICAL,
}
_LOGGERS = ("mindspore_serving", "salver.servable")
_OWN_PART = re.compile(r"[{,]\s*SERVING\s*:\s*(\d+)\s*[,}]")


def follow_glog(environment: Mapping[str, str]) -> None:
    """Let the loggers of a servable say what `GLOG_v` allows, or what `MS_SUBMODULE_LOG_v` allows this part.

    Anything else than a level changes nothing.
    """
    own = _OWN_PART.search(environment.get("MS_SUBMODULE_LOG_v", ""))
    level = _LEVELS.get(own[1] if own else environment.get("GLOG_v", ""))
    if level is not None:
        if logging.lastResort is not None:  # it writes what is said where no program has set up anything else
            logging.lastResort.setLevel(min(level, logging.WARNING))
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(level)
