"""One HTTP request, without a client library's opinions."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    address: str, method: str, path: str, body: bytes | object = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Send one request; a body that is no bytes goes as JSON."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, content, dict(headers or {}))
        reply = connection.getresponse()
        return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
    finally:
        connection.close()


def post(address: str, path: str, body: bytes | object, headers: Mapping[str, str] | None = None) -> Reply:
    return request(address, "POST", path, body, headers)


def get(address: str, path: str) -> Reply:
    return request(address, "GET", path)
