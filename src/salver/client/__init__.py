"""The client of a server. It is light: it imports no part of the server."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salver.client.api import Client
    from salver.client.async_service_client import AsyncServiceClient
    from salver.client.retry import Retry
    from salver.client.service_client import CallFailed, ServiceClient

__all__ = ["AsyncServiceClient", "CallFailed", "Client", "Retry", "ServiceClient"]

_HOMES = {
    "AsyncServiceClient": "salver.client.async_service_client",
    "CallFailed": "salver.client.service_client",
    "Client": "salver.client.api",
    "Retry": "salver.client.retry",
    "ServiceClient": "salver.client.service_client",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'salver.client' has no attribute {name!r}")
