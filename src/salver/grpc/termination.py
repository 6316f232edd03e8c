"""SIGTERM under `salver run`: what is in flight is answered, then the script ends."""

import multiprocessing
import signal
import threading
import time
from types import FrameType
from typing import Protocol
from weakref import WeakSet

from salver.config.settings import Config

_PARTING_S = 1.0


class Stoppable(Protocol):
    """A server of either kind."""

    stopped: threading.Event
    """Set once it has stopped, or if it never started."""

    @property
    def is_inherited(self) -> bool:
        """Whether it is the server of a process of which this one is a fork."""

    def stop_soon(self, grace: float) -> None:
        """Begin to stop, from whatever thread."""


class Termination:
    """For the main thread of a process. A script's own handler of the signal takes its place."""

    def __init__(self) -> None:
        self._servers: WeakSet[Stoppable] = WeakSet()
        self._asked = False

    def mind(self, server: Stoppable) -> None:
        self._servers.add(server)

    def begin(self) -> None:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, _: FrameType | None) -> None:
        """The first time stop servers and processes that were started; the second time end at once."""
        if self._asked:
            raise SystemExit(0)
        servers = [server for server in self._servers if not server.is_inherited]
        children = multiprocessing.active_children()
        if not servers and not children:
            # A process that the script has for something else ends as it would without us.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._asked = True
        for child in children:
            child.terminate()
        grace = Config().drain_timeout_s
        for server in servers:
            server.stop_soon(grace)
        threading.Thread(target=_end_after, args=(servers, grace), name="salver-end", daemon=True).start()


def _end_after(servers: list[Stoppable], grace: float) -> None:
    """A script that waits for its server goes on by itself; others are ended."""
    deadline = time.monotonic() + grace
    for server in servers:
        server.stopped.wait(max(0.0, deadline - time.monotonic()) + _PARTING_S)
    main = threading.main_thread()
    main.join(_PARTING_S)
    if main.is_alive() and main.ident is not None:
        # Whatever it waits for is interrupted only by a signal of its own.
        signal.pthread_kill(main.ident, signal.SIGTERM)
