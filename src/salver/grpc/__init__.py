"""`grpc` with the native server: `from salver import grpc` in the place of `import grpc`.

`server`, `aio.server` and `ssl_server_credentials` are salver's; all other names are gRPC's own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Of two imports of a name mypy believes the first, others the last.
    from salver.grpc import aio as aio
    from salver.grpc.blocking import server as server
    from salver.grpc.credentials import ssl_server_credentials as ssl_server_credentials

    from grpc import *  # type: ignore[assignment, no-redef]  # noqa: F403  # isort: skip

    from salver.grpc import aio as aio  # noqa: F811
    from salver.grpc.blocking import server as server  # noqa: F811
    from salver.grpc.credentials import ssl_server_credentials as ssl_server_credentials  # noqa: F811

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
