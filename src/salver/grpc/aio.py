"""`grpc.aio` with the native server; all other names are gRPC's own."""

from typing import TYPE_CHECKING

from salver.grpc.asynchronous import server

if TYPE_CHECKING:
    # Of two imports of a name mypy believes the first, others the last.
    from grpc.aio import *  # type: ignore[assignment]  # noqa: F403

    from salver.grpc.asynchronous import server

__all__ = ["server"]


def __getattr__(name: str) -> object:
    from grpc import aio

    return getattr(aio, name)


def __dir__() -> list[str]:
    from grpc import aio

    return dir(aio)
