"""One GET over TCP, a Unix socket or TLS, with nothing but the standard library."""

import http.client
import json
import socket
import ssl
from typing import Any

from salver.client.endpoint import Endpoint
from salver.client.errors import ServerFailed, Unavailable


class _Connection(http.client.HTTPConnection):
    def __init__(self, server: Endpoint, timeout: float) -> None:
        super().__init__(server.host, timeout=timeout)
        self._server = server

    def connect(self) -> None:
        connected = connect(self._server, self.timeout)
        self.sock = _context(self._server).wrap_socket(connected, server_hostname=self._server.host)


class _PlainConnection(_Connection):
    def connect(self) -> None:
        self.sock = connect(self._server, self.timeout)


def get_json(server: Endpoint, path: str, timeout: float) -> Any:
    """The document at this path. Raises Unavailable without a connection, ServerFailed for any other reply."""
    connection = (_Connection if server.secure else _PlainConnection)(server, timeout)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{server} does not answer: {_reason(error)}") from None
    finally:
        connection.close()
    if reply.status != 200:
        raise ServerFailed(f"{server} answered {reply.status} to {path}: {body.decode(errors='replace')[:200]}")
    try:
        return json.loads(body)
    except ValueError:
        raise ServerFailed(f"{server} answered {path} with something that is no JSON; is it a salver?") from None


def _reason(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, OSError):
        return "what is there does not speak HTTP without TLS"
    return str(error) or type(error).__name__


def connect(server: Endpoint, timeout: float | None) -> socket.socket:
    """A connection, before any TLS. Raises OSError."""
    if server.unix_path is None:
        return socket.create_connection((server.host, server.port), timeout)
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(timeout)
    try:
        connected.connect(server.unix_path)
    except OSError:
        connected.close()
        raise
    return connected


def _context(server: Endpoint) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if server.ca is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(server.ca)
    if server.certificate is not None:
        context.load_cert_chain(server.certificate, server.key)
    return context
