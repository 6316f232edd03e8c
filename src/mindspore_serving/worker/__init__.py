"""The worker of MindSpore Serving 1.1 to 1.4: ``from mindspore_serving import worker``."""

from importlib import import_module
from typing import Any

__all__ = ["start_servable", "start_servable_in_master", "stop"]

_SUBMODULES = ("context", "distributed", "register")


def __getattr__(name: str) -> Any:
    # A `servable_config.py` imports this package for its `register`, in workers that start no server.
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in ("start_servable", "start_servable_in_master"):
        return getattr(import_module("salver.server.mindspore.older"), name)
    if name == "stop":
        from salver.server.mindspore.serving import stop

        return stop
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
