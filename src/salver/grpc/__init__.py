"""`grpc` with the native server: `from salver import grpc` in the place of `import grpc`.

`server`, `aio.server` and `ssl_server_credentials` are salver's; all other names are gRPC's own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grpc import *  # noqa: F403

    from salver.grpc import aio as aio  # type: ignore[no-redef]
    from salver.grpc.blocking import server as server
    from salver.grpc.credentials import ssl_server_credentials as ssl_server_credentials

_HOMES = {
    "server": "salver.grpc.blocking",
    "ssl_server_credentials": "salver.grpc.credentials",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for."""
    from importlib import import_module

    if name == "aio":
        return import_module("salver.grpc.aio")
    return getattr(import_module(_HOMES.get(name, "grpc")), name)


def __dir__() -> list[str]:
    import grpc

    return dir(grpc)
