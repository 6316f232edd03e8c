"""One server from its start to its end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from salver import _native
from salver.config.addresses import Address, Security
from salver.config.settings import Config
from salver.lifecycle.ledger import Retries
from salver.lifecycle.states import State
from salver.problems import Unusable
from salver.repository.base_path import BasePath
from salver.repository.model_config import place_in, read_model_config
from salver.repository.settings import ServableSettings
from salver.repository.sources import Sources
from salver.repository.traces import trace
from salver.runtimes import table
from salver.server.admin import Admin
from salver.server.admin_socket import AdminSocket
from salver.server.desire import Desire
from salver.server.live import LiveServer
from salver.server.manager import Manager
from salver.server.reload import Reload
from salver.server.reload_desk import ReloadDesk
from salver.server.report import Report, counted
from salver.server.signals import StopSignal
from salver.server.watch import Round, Watcher


@dataclass(frozen=True)
class Listing:
    """How servables come to be listed by name: perhaps by a file, which is read again every so often if it changes.

    `defaults` are settings of the models in it; `early_labels` is for `Reload`.
    """

    file: Path | None = None
    every_s: float | None = None
    defaults: ServableSettings | None = None
    early_labels: bool = False

    def read(self) -> tuple[BasePath, ...] | None:
        """What the file lists, if there is one that says something. Raises Unusable."""
        return None if self.file is None else read_model_config(self.file, self.defaults)

    def read_anew(self, before: Sequence[BasePath]) -> tuple[BasePath, ...] | None:
        """The same, in the place of what was listed before, of which it may not change all. Raises Unusable."""
        listed = self.read()
        former = {each.name: each for each in before}
        for each in listed or ():
            changed = each.changed_platform(former.get(each.name))
            if changed is not None and self.file is not None:
                raise Unusable(place_in(self.file, each.name), changed, "leave the platform, or rename the model")
        return listed


def serve(config: Config, sources: Sources, listing: Listing = Listing()) -> int:
    """Serve what the sources say until a signal comes; gives the exit status.

    Raises Unusable before anything is served. Addresses are bound first, so that a wrong one is told at once; until
    the models are loaded, calls get UNAVAILABLE and health says NOT_SERVING. Whoever changes what is served is heard
    from the beginning. The server is called ready once all that was there at the start has been tried.
    """
    with StopSignal() as stop:
        return _serve(config, sources, listing, stop)


def _serve(config: Config, sources: Sources, listing: Listing, stop: StopSignal) -> int:
    began = time.perf_counter()
    desire = Desire(sources, table.suffixes())
    report = Report(config.log_level)
    server = LiveServer(config)
    manager = Manager(server, desire, Retries(config.load_retries, config.load_retry_s), report)
    followers: list[Follower] = [manager]
    try:
        server.expect(desire.seen.versions)
        opened = _open(server, config)
        followers += _followers(config, server, manager, desire.first_trace, listing, report)
        report.say(f"salver {_native.version()}, loading {counted(len(desire.seen.versions), 'version')}")
        for line in opened:
            report.say(line)
        for each in followers:
            each.start()
        manager.wait_until_tried(lambda: not stop.asked)
        waits = len(followers) > 1 or config.accept_workers is not None
        if not stop.asked:
            if not waits and not _serving(manager):
                return _nothing_to_serve(report, sources)
            report.say(f"ready after {time.perf_counter() - began:.2f} s{_missing(manager)}")
        stop.wait()
        manager.ask_to_stop()
        return _drain(server, config.drain_timeout_s, report)
    finally:
        manager.ask_to_stop()
        server.stop()
        for each in reversed(followers):
            each.stop()


class Follower(Protocol):
    """Somebody who follows changes, or hears those who ask for them."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


def _open(server: LiveServer, config: Config) -> list[str]:
    """Bind all addresses; what is to be said of them once they are of use."""
    lines = [f"listening on {_listen(server, config, address)}" for address in config.listen]
    if config.accept_workers is not None:
        lines.append(f"accepting workers at {_accept(server, config)}")
    return lines


def _followers(
    config: Config, server: LiveServer, manager: Manager, first_trace: int, listing: Listing, report: Report
) -> list[Follower]:
    followers: list[Follower] = []
    list_anew = partial(_list_anew, manager, listing)
    reload = Reload(manager, listing.defaults, listing.early_labels)
    if config.admin is not None or config.allow_reload:
        followers.append(ReloadDesk(server.next_reload, reload))
    if config.admin is not None:
        followers.append(AdminSocket(config.admin, Admin(manager, reload, list_anew), server.serve_admin))
    if config.watch_s is not None:
        followers.append(Watcher(Round(config.watch_s, manager.trace, manager.look), first_trace, report))
    if listing.file is not None and listing.every_s is not None:
        seen = partial(trace, listing.file)
        followers.append(Watcher(Round(listing.every_s, seen, list_anew), seen(), report))
    return followers


def _list_anew(manager: Manager, listing: Listing) -> None:
    """Follow what the file lists now, if there is one. A file that says nothing changes nothing."""
    listed = listing.read_anew(manager.sources.listed)
    if listed is not None:
        manager.look(lambda sources: replace(sources, listed=listed))


def _accept(server: LiveServer, config: Config) -> Address:
    try:
        return server.accept_workers(config)
    except OSError as error:
        what = f"cannot be listened on for workers: {error.strerror or error}"
        remedy = "choose another --accept-workers address; port 0 picks a free one"
        raise Unusable(config.accept_workers, what, remedy) from None


def _listen(server: LiveServer, config: Config, address: Address) -> Address:
    try:
        target = server.listen(address.target, _tls(config, address.security))
    except OSError as error:
        remedy = "choose another --listen address; port 0 picks a free one"
        raise Unusable(address, f"cannot be listened on: {error.strerror or error}", remedy) from None
    except ValueError as error:
        remedy = "mend --listen, --tls-certificate, --tls-key or --tls-client-ca"
        raise Unusable(address, f"cannot be listened on: {error}", remedy) from None
    return Address(_with_port(address.target, target), address.security)


def _with_port(asked: str, bound: str) -> str:
    """The host as it was asked for, which a certificate may name, with the port that was given."""
    if asked.startswith("unix:"):
        return bound
    return f"{asked.rpartition(':')[0]}:{bound.rpartition(':')[2]}"


def _tls(config: Config, security: Security) -> tuple[str, str, str | None] | None:
    if security is Security.PLAIN:
        return None
    authority = str(config.tls_client_ca) if security is Security.MUTUAL_TLS else None
    return str(config.tls_certificate), str(config.tls_key), authority


def _serving(manager: Manager) -> bool:
    return any(status.record.state is State.AVAILABLE for status in manager.statuses())


def _missing(manager: Manager) -> str:
    wanted = [status.record for status in manager.statuses() if status.record.wanted]
    missing = [record for record in wanted if record.state is not State.AVAILABLE]
    if not missing:
        return ""
    served = {record.servable for record in wanted if record.state is State.AVAILABLE}
    without = f", but without {counted(len(missing), 'version')} (see above)"
    if all(record.servable in served for record in missing):
        return without
    return f"{without}: until mended, the server's health is NOT_SERVING"


def _nothing_to_serve(report: Report, sources: Sources) -> int:
    place = " or ".join(map(str, sources.places()))
    report.say(f"nothing in {place} can be served; `salver check {place}` says why")
    return 1


def _drain(server: LiveServer, timeout_s: float, report: Report) -> int:
    """Let accepted calls be answered; 1 if some were not when time was up."""
    report.say(f"stopping: {counted(server.calls_in_flight(), 'call')} in flight")
    left = server.drain(timeout_s)
    server.stop()
    if left:
        report.say(f"stopped with {counted(left, 'call')} unanswered after {timeout_s:g} s (--drain-timeout-s)")
        return 1
    report.say("stopped")
    return 0
