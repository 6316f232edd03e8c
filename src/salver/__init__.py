"""Serves machine-learning models over gRPC and HTTP."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salver.authoring.context import Context, InvalidInput, Json
    from salver.authoring.functions import function, method, stage
    from salver.authoring.models import model
    from salver.authoring.options import options, servable
    from salver.authoring.per_worker import per_worker
    from salver.authoring.protos.proto import proto
    from salver.client.api import Client
    from salver.client.errors import (
        CallCancelled,
        DeadlineExceeded,
        InvalidCall,
        NotFound,
        ResourceExhausted,
        SalverError,
        ServerFailed,
        Unavailable,
        Unsupported,
    )

__all__ = [
    "CallCancelled",
    "Client",
    "Context",
    "DeadlineExceeded",
    "InvalidCall",
    "InvalidInput",
    "Json",
    "NotFound",
    "ResourceExhausted",
    "SalverError",
    "ServerFailed",
    "Unavailable",
    "Unsupported",
    "__version__",
    "function",
    "method",
    "model",
    "options",
    "per_worker",
    "proto",
    "servable",
    "stage",
]

__version__: str

_HOMES = {
    "Client": "salver.client.api",
    "Context": "salver.authoring.context",
    "InvalidInput": "salver.authoring.context",
    "Json": "salver.authoring.context",
    "function": "salver.authoring.functions",
    "method": "salver.authoring.functions",
    "model": "salver.authoring.models",
    "per_worker": "salver.authoring.per_worker",
    "options": "salver.authoring.options",
    "proto": "salver.authoring.protos.proto",
    "servable": "salver.authoring.options",
    "stage": "salver.authoring.functions",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for, so that `import salver` costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("salver")
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(_HOMES.get(name, "salver.client.errors")), name)
    raise AttributeError(f"module 'salver' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
