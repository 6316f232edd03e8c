"""The socket at which a server may be told what to do: JSON, one line there and one line back, any number of times.

    {"do": "load", "servable": "add", "version": 2}
    {"done": [{"servable": "add", "version": 2, "state": "AVAILABLE"}]}

What can be done are the methods of `Admin`, with their parameters; otherwise the reply is {"problem": {...}}. Whoever
may open the socket may do all of it, so that it is its owner's alone.

A connection that begins as HTTP/2 does is served as at any other address, and may send HandleReloadConfigRequest.
"""

import inspect
import json
import os
import socket
import socketserver
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from salver import _native
from salver.problems import Problem, Unusable, encodable
from salver.repository.policies import LAST_VERSION, is_version
from salver.server.admin import Admin, plain_problem

_LONGEST = 1 << 20
_OWNER_ONLY = 0o177
_HTTP2 = b"PRI"


class AdminSocket:
    """Bound when it is made: raises Unusable if it cannot be. Then `start`, and `stop`."""

    def __init__(self, path: Path, admin: Admin, serve_admin: Callable[[int], None]) -> None:
        """`serve_admin` takes the descriptors of connections that speak HTTP/2 over."""
        self._path = path
        self._server = _bind(path, _Commands(admin, serve_admin))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="admin", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hear nobody any more, and leave no socket behind. Idempotent."""
        if self._thread.ident is not None:
            self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Commands:
    """From one request to what is done for it."""

    def __init__(self, admin: Admin, serve_admin: Callable[[int], None]) -> None:
        self.serve_admin = serve_admin
        self._known: dict[str, Callable[..., Any]] = {
            "load": admin.load,
            "unload": admin.unload,
            "label": admin.label,
            "reload": admin.reload,
            "status": admin.status,
        }

    def answer(self, line: bytes) -> dict[str, Any]:
        try:
            return {"done": self._do(line)}
        except Unusable as error:
            return {"problem": plain_problem(error.problem)}
        except Exception:
            traceback.print_exc()
            what, remedy = "could not be done, for a reason of salver's own", "report what the server printed"
            return {"problem": plain_problem(Problem("the request", what, remedy))}

    def _do(self, line: bytes) -> Any:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _wrong(f"is no JSON: {error}") from None
        if not isinstance(request, dict) or str(request.get("do")) not in self._known:
            raise _wrong(f'names nothing to do: expected "do" with one of {", ".join(self._known)}')
        command = self._known[request.pop("do")]
        _check_arguments(command, request)
        if "path" in request:
            request["path"] = Path(request["path"])
        return command(**request)


_TYPES = {"servable": str, "label": str, "path": str, "config": str, "version": int | None}


def _check_arguments(command: Callable[..., Any], given: dict[str, Any]) -> None:
    """Raises Unusable."""
    takes = inspect.signature(command).parameters
    for name, value in given.items():
        if name not in takes:
            raise _wrong(f"has '{name}', but there is only {', '.join(takes) or 'nothing'} to say")
        if isinstance(value, bool) or not isinstance(value, _TYPES[name]):
            raise _wrong(f"says {name}: {json.dumps(value)}, which is of the wrong type")
        if isinstance(value, str) and encodable(value) != value:
            raise _wrong(f"says {name}: {json.dumps(value)}, which is no text in UTF-8")
        if isinstance(value, int) and not is_version(value):
            raise _wrong(f"says {name}: {value}, but versions are numbers from 0 to {LAST_VERSION}")
    for name, parameter in takes.items():
        if parameter.default is parameter.empty and name not in given:
            raise _wrong(f"does not say {name}")


def _wrong(what: str) -> Unusable:
    return Unusable("the request", what, 'write one line such as {"do": "load", "servable": "add", "version": 2}')


class _Handler(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        _native.unhurried()
        with suppress(OSError, RuntimeError):
            if self.request.recv(len(_HTTP2), socket.MSG_PEEK) == _HTTP2:
                self.server.commands.serve_admin(self.request.detach())
                return
            while line := self.rfile.readline(_LONGEST + 1):
                self._say(self.server.commands.answer(line) if len(line) <= _LONGEST else self._too_long(line))

    def _too_long(self, line: bytes) -> dict[str, Any]:
        """Pass over the rest of it, so that the next line is the next request."""
        while line and not line.endswith(b"\n"):
            line = self.rfile.readline(_LONGEST)
        what, remedy = f"is longer than {_LONGEST} bytes", "send a shorter one"
        return {"problem": plain_problem(Problem("the request", what, remedy))}

    def _say(self, answer: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path, commands: _Commands) -> None:
        self.commands = commands
        super().__init__(str(path), _Handler)


def _bind(path: Path, commands: _Commands) -> _Server:
    """As for other listeners: a socket that nobody listens at is taken over."""
    try:
        if _is_heard(path):
            raise Unusable(f"unix:{path}", "is in use by another server", "choose another --admin socket")
        path.unlink(missing_ok=True)
        # Tighter for other threads' files as well, for a moment.
        before = os.umask(_OWNER_ONLY)
        try:
            return _Server(path, commands)
        finally:
            os.umask(before)
    except OSError as error:
        problem = Problem(f"unix:{path}", f"cannot be listened on: {error.strerror or error}", "choose another --admin")
        raise Unusable(problem.where, problem.what, problem.remedy) from None


def _is_heard(path: Path) -> bool:
    """Raises OSError for what is no socket."""
    if not path.exists():
        return False
    if not path.is_socket():
        raise FileExistsError(None, "there is a file that is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True
