"""Servers that `start_restful_server` opens, in processes of their own, and how they are asked."""

import http.client
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from support.ports import free_port

from .scripts import started

READY = "Serving: Serving RESTful server start success, listening on "

START = """
from mindspore_serving import server

server.start_servables(server.ServableStartConfig(".", {name!r}))
server.start_restful_server({address!r}, max_msg_mb_size=1, ssl_config={ssl_config})
"""


class Reply(NamedTuple):
    status: int
    reason: str
    kind: str | None
    text: str

    @property
    def document(self) -> Any:
        return json.loads(self.text)


@contextmanager
def restful(folder: Path, name: str, ssl_config: str = "None") -> Iterator[str]:
    """A servable of the folder: the address of its server."""
    address = f"127.0.0.1:{free_port()}"
    script = folder / "start.py"
    script.write_text(START.format(name=name, address=address, ssl_config=ssl_config))
    with started(script, wait_for=READY):
        yield address


def ask(address: str, path: str, body: str | bytes | None, verb: str = "POST", **headers: str) -> Reply:
    with closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        return ask_again(connection, path, body, verb, headers)


def ask_again(
    connection: http.client.HTTPConnection,
    path: str,
    body: str | bytes | None,
    verb: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    sent = body.encode() if isinstance(body, str) else body
    connection.request(verb, path, sent, dict(headers or {}))
    reply = connection.getresponse()
    return Reply(reply.status, reply.reason, reply.headers["content-type"], reply.read().decode())


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["curl", "-sS", "--max-time", "30", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
