"""Calling a method with one row, over the server's own socket, as plain JSON: any method can be called so."""

import http.client
import json
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ERROR = "event: error"
_NOT_READY = " is not ready; "
_BROKEN = re.compile(r"\(\) gave .*, but promised ")
_PATIENCE_S, _POLL_S = 30.0, 0.05


@dataclass(frozen=True)
class Refusal:
    """Why a row was not answered, in the server's words."""

    code: str
    message: str

    @property
    def lost(self) -> bool:
        """Whether the worker that ran it has ended."""
        return self.code == "UNAVAILABLE"

    @property
    def broke_promise(self) -> bool:
        """Whether the code gave something else than it declares, which no input excuses."""
        return _BROKEN.search(self.message) is not None


def call(path: Path, target: str, row: Mapping[str, Any]) -> Refusal | None:
    """Call `target`, such as `add/versions/1/predict`, through the Unix socket at `path`; None if it was answered.

    A worker that an earlier call has ended is waited for.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        refusal = _called(path, target, row)
        if refusal is None or _NOT_READY not in refusal.message or time.monotonic() > deadline:
            return refusal
        time.sleep(_POLL_S)


def _called(path: Path, target: str, row: Mapping[str, Any]) -> Refusal | None:
    connection = _UnixConnection(str(path))
    try:
        headers = {"Accept": "text/event-stream", "Content-Type": "application/json"}
        connection.request("POST", f"/servables/{target}", json.dumps(row), headers)
        reply = connection.getresponse()
        text = reply.read().decode()
    finally:
        connection.close()
    if reply.status == http.client.OK:
        _, failed, text = text.partition(_ERROR)
        if not failed:
            return None
        text = text.partition("data: ")[2].partition("\n")[0]
    error = json.loads(text)["error"]
    return Refusal(error["code"], error["message"])


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)
