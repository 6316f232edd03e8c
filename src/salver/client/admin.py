"""Telling a server what to do, over its admin's socket: JSON, one line there and one line back."""

import json
import socket
from typing import Any

from salver.client.errors import InvalidCall, SalverError, Unavailable


class Refused(SalverError):
    """The server does not do it; the text says why, with a remedy."""


def ask(address: str, request: dict[str, Any], timeout: float) -> Any:
    """What is done for this request. Raises SalverError."""
    path = address.removeprefix("unix:")
    if not path or path == address:
        own = "give the server's --admin, such as unix:/run/salver/admin.sock"
        remedy = own if ":" in address or not address else f"write unix:{address}"
        raise InvalidCall(f"'{address}' is no admin's socket: expected unix:path\n  remedy: {remedy}")
    try:
        reply = _asked(path, request, timeout)
    except TimeoutError:
        raise Unavailable(f"{address} has not done it after {timeout:g} s; it may yet: see salver status") from None
    except OSError as error:
        remedy = f"start the server with --admin {address}, or give the socket that it was started with"
        raise Unavailable(f"{address} does not answer: {error.strerror or error}\n  remedy: {remedy}") from None
    if "problem" in reply:
        problem = reply["problem"]
        raise Refused(f"{problem['where']}: {problem['what']}\n  remedy: {problem['remedy']}")
    return reply["done"]


def _asked(path: str, request: dict[str, Any], timeout: float) -> Any:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as lines:
            line = lines.readline()
    if not line:
        raise ConnectionResetError(None, "it ended")
    return json.loads(line)
