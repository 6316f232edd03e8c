"""Serves machine-learning models over gRPC and HTTP."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    "DeadlineExceeded",
    "InvalidCall",
    "NotFound",
    "ResourceExhausted",
    "SalverError",
    "ServerFailed",
    "Unavailable",
    "Unsupported",
    "__version__",
]

__version__: str


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for, so that `import salver` costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("salver")
    if name == "Client":
        from salver.client.api import Client

        return Client
    if name in __all__:
        from salver.client import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'salver' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
