"""The server of MindSpore Serving: ``from mindspore_serving import server``."""

from importlib import import_module
from typing import Any

from salver.server.mindspore.config import ServableStartConfig, SSLConfig

__all__ = ["SSLConfig", "ServableStartConfig", "start_grpc_server", "start_restful_server", "start_servables", "stop"]

_SUBMODULES = ("distributed", "master", "register")


def __getattr__(name: str) -> Any:
    # A `servable_config.py` imports this package for its `register`, in workers that start no server.
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in __all__:
        return getattr(import_module("salver.server.mindspore.serving"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
