"""The native server under a script that knows nothing of it, also in processes that it starts by `multiprocessing`."""

import multiprocessing
import os
from collections.abc import Callable
from functools import wraps
from multiprocessing import spawn
from typing import Any

import grpc
from grpc import aio

from salver.grpc.termination import Termination


class Takeover:
    """What has been done with it since."""

    def __init__(self) -> None:
        self.servers = 0
        """How many servers this process has made."""
        self.has_children = False
        """Whether this process has started others, which may make servers."""
        self._termination = Termination()

    def begin(self) -> None:
        """Replace gRPC's names. It lasts as long as the process."""
        from salver.grpc import asynchronous, blocking, credentials, originals

        grpc.ssl_server_credentials = credentials.ssl_server_credentials
        grpc.server = self._counted(originals.server, blocking.server)
        aio.server = self._counted(originals.aio_server, asynchronous.server)
        os.register_at_fork(after_in_parent=self._started)
        spawn.get_preparation_data = self._handed_on(spawn.get_preparation_data)  # type: ignore[assignment]
        # The server of forks would import the script by itself, with gRPC as it was.
        multiprocessing.set_forkserver_preload([])
        self._termination.begin()

    def _counted(self, original: Callable[..., Any], server: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def make(*positional: Any, **named: Any) -> Any:
            made = server(*positional, **named)
            self.servers += 1
            self._termination.mind(made)
            return made

        return make

    def _started(self) -> None:
        self.has_children = True

    def _handed_on(self, original: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
        """What a new process is told before it imports the script begins with a takeover."""

        @wraps(original)
        def prepared(name: str) -> dict[str, Any]:
            self._started()
            return {"salver": _Inherited(), **original(name)}

        return prepared


class _Inherited:
    """Reading it makes the takeover of the process that reads it."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _take_over, ()


def _take_over() -> None:
    Takeover().begin()
