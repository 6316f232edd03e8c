"""The one server of a process, which MindSpore Serving's interface by its nature has.

Start scripts return; the server lives on until SIGINT, SIGTERM or `stop`, kept by a thread that is no daemon.
"""

import os
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from salver.authoring.mindspore.verbosity import follow_glog
from salver.config.addresses import Address
from salver.config.load import load
from salver.config.settings import SETTINGS, Config, Speaks, WorkerConfig
from salver.problems import Unusable
from salver.repository.logs import Logs
from salver.repository.scan import Refused, VersionFolder
from salver.server.live import LiveServer
from salver.server.load import Watch
from salver.server.mindspore.logs import logs_here
from salver.server.signals import StopSignal

if TYPE_CHECKING:
    from salver.cluster.crew import Crew

_SIGNALLED = "Fail to start workers because of signal SIGINT or SIGTERM"
_JOINING_S = 1.0
_STOPPED = "Fail to start workers because the server was stopped meanwhile"
# What the start functions say by their arguments.
_ARGUMENTS = (
    "listen",
    "tls_certificate",
    "tls_key",
    "tls_client_ca",
    "max_message_mib",
    "accept_workers",
    "worker_token_file",
)


class MindsporeServer:
    """A server from the first `start_...` to its end, and the signals and the thread that belong to it."""

    def __init__(self) -> None:
        follow_glog(os.environ)
        self.config = _config()
        self.listening: set[str] = set()
        """The kinds of servers that were started."""
        self.master_address: Address | None = None
        self._crews: list[Crew] = []
        self._live = LiveServer(self.config)
        self._added: set[tuple[str, int]] = set()
        self._using = threading.Lock()
        self._stopping = ""
        self._main_knows = False
        self._ended = threading.Event()
        self._signals = StopSignal() if _on_main_thread() else None
        self._letting_go = threading.Lock()
        self._keeper = threading.Thread(target=self._keep, name="salver", daemon=False)
        self._keeper.start()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @cached_property
    def logs(self) -> Logs | None:
        """Where what its workers print is written down. Raises RuntimeError for a wrong setting of that."""
        return logs_here(os.environ)

    def add(self, folders: Sequence[VersionFolder]) -> list[Refused]:
        """Serve these versions, once all of them are ready; gives those that cannot be served.

        Raises RuntimeError if one of them is served already, or if the server is told to end meanwhile.
        """
        with self._using:
            for folder in folders:
                key = (folder.servable, folder.version)
                if key in self._added or self._live.is_joined(*key):
                    raise RuntimeError(f"Servable {folder.servable}, version {folder.version}, is already running")
            outcomes = self._live.add(folders, watch=Watch(go_on=lambda: not self._stopping))
            if self._stopping:
                self._main_knows = _on_main_thread()
                raise RuntimeError(self._stopping)
            self._added |= {(each.servable, each.version) for each in folders}
        return [each for each in outcomes if isinstance(each, Refused)]

    def listen(self, address: str, tls: tuple[str, str, str | None] | None, config: Config, speaks: Speaks) -> None:
        """Serve there, within the limits of `config`. Raises OSError and ValueError."""
        with self._using:
            self._live.listen(address, tls, config, speaks)

    def accept_workers(self, config: Config) -> Address:
        """Let workers of other processes join. Raises OSError and Unusable."""
        with self._using:
            self.master_address = self._live.accept_workers(config)
        return self.master_address

    def join(self, config: WorkerConfig, folder: VersionFolder) -> None:
        """Serve a version for a server elsewhere, once it is ready. Raises Unusable if it cannot be.

        Where the server is there it knows of the version then: scripts call it at once.
        Raises RuntimeError if this process is told to end meanwhile.
        """
        from salver.cluster.crew import crew_of

        crew = crew_of(config)
        with self._using:
            self._crews.append(crew)
        try:
            crew.start(folder)
            crew.meet(_JOINING_S)
        except Unusable:
            if not self._stopping:
                raise
            self._main_knows = _on_main_thread()
            raise RuntimeError(self._stopping) from None

    def stop(self) -> None:
        """End everything that was started; what is not answered yet is lost. Idempotent."""
        self._stopping = self._stopping or _STOPPED
        self._end(0.0)
        self._let_go(StopSignal.give_back)
        self._keeper.join()

    def _keep(self) -> None:
        signals = self._signals
        if signals is None:
            self._ended.wait()
            return
        signals.wait()
        if self._stopping:
            return
        self._stopping = _SIGNALLED
        self._end(self.config.drain_timeout_s)
        # A start script may do something else meanwhile, which is to end as well.
        self._let_go(StopSignal.give_back if self._main_knows else StopSignal.interrupt)

    def _end(self, drain_timeout_s: float) -> None:
        with self._using:
            if self.ended:
                return
            if drain_timeout_s:
                self._live.drain(drain_timeout_s)
            for crew in self._crews:
                crew.stop(drain_timeout_s)
            self._live.stop()
            self._ended.set()

    def _let_go(self, how: Callable[[StopSignal], None]) -> None:
        with self._letting_go:
            signals, self._signals = self._signals, None
            if signals is not None:
                how(signals)


class ProcessServer:
    """The server of this process, while there is one."""

    def __init__(self) -> None:
        self.max_calls: int | None = None
        """How many calls a server that is started may have in flight, if that was said."""
        self._lock = threading.Lock()
        self._server: MindsporeServer | None = None

    def get(self) -> MindsporeServer:
        """The one that runs, or a new one. Raises RuntimeError for a setting in the environment that is none."""
        with self._lock:
            if self._server is None or self._server.ended:
                self._server = MindsporeServer()
            return self._server

    def stop(self) -> None:
        """End it, if there is one."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.stop()


def _config() -> Config:
    """What the environment says, as for `salver serve`."""
    variables = {each.variable for each in SETTINGS if each.name not in _ARGUMENTS}
    try:
        return load({}, {name: text for name, text in os.environ.items() if name in variables})
    except Unusable as error:
        raise RuntimeError(str(error.problem)) from None


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
