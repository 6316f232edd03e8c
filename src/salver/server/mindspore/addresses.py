"""Addresses as MindSpore Serving's start functions take them, and its texts about bad ones."""

import re
from pathlib import Path

_UNIX = "unix:"


def checked_grpc_address(address: str) -> str:
    """`ip:port` or `unix:<path>`. Raises RuntimeError."""
    if address.startswith(_UNIX):
        if address == _UNIX:
            raise RuntimeError("Serving Error: Empty grpc server unix domain socket address")
        return address
    return _checked_tcp("Serving gRPC", address)


def checked_rest_address(address: str) -> str:
    """`ip:port`. Raises RuntimeError."""
    if address.startswith(_UNIX):
        raise RuntimeError("Serving Error: RESTful server does not support binding to unix domain socket")
    return _checked_tcp("RESTful server", address)


def make_room(address: str) -> None:
    """Let a Unix socket take the place of an empty file: the original's tutorial says that it overwrites files.

    Old sockets give way anyway; a file with something in it does not.
    """
    path = Path(address.removeprefix(_UNIX))
    if address.startswith(_UNIX) and path.is_file() and not path.stat().st_size:
        path.unlink()


def _checked_tcp(tag: str, address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not colon:
        raise RuntimeError(f"Serving Error: The format of the {tag} address '{address}' is illegal")
    if not host or not port:
        raise RuntimeError(f"Serving Error: Missing ip or port of the {tag} address '{address}'")
    if not re.fullmatch("-?[0-9]+", port):
        raise RuntimeError(f"Serving Error: The type of {tag} address '{address}' port is not a number")
    if not 1 <= int(port) <= 65535:
        raise RuntimeError(
            f"Serving Error: The port of the {tag} address '{address}' is out of legal range [1 ~ 65535]"
        )
    return address
