"""The original's warning about its older names."""

import logging

_log = logging.getLogger("mindspore_serving")
_REGISTER = "mindspore_serving.server.register"


def warn_deprecated(name: str, since: str, instead: str) -> None:
    """Write to the log that `name` should be replaced."""
    _log.warning(
        "'%s' is deprecated from version %s and will be removed in a future version, use '%s.%s' instead.",
        name,
        since,
        _REGISTER,
        instead,
    )
