"""One server from its start to its end."""

import time
from pathlib import Path

from salver import _native
from salver.config.addresses import Address, Security
from salver.config.settings import Config, native_settings
from salver.problems import Unusable
from salver.repository.scan import Repository, scan
from salver.runtimes.table import SUFFIXES
from salver.server.load import Catalog, load_all, loading, problems
from salver.server.report import Report, counted, described
from salver.server.signals import StopSignal

_POLL_S = 0.01


def serve(config: Config, directory: Path) -> int:
    """Serve the directory until a signal comes; gives the exit status. Raises Unusable before anything is served.

    Addresses are bound first, so that a wrong one is told at once; until the models are loaded, calls get
    UNAVAILABLE and health says NOT_SERVING.
    """
    began = time.perf_counter()
    stop, report = StopSignal(), Report(config.log_level)
    repository = scan(directory, SUFFIXES)
    server = _native.Server(native_settings(config))
    versions: tuple[_native.Version, ...] = ()
    try:
        server.publish([], loading(repository.versions))
        bound = [_listen(server, config, address) for address in config.listen]
        report.say(f"salver {_native.version()}, loading {counted(len(repository.versions), 'version')}")
        catalog = load_all(repository, lambda: not stop.asked)
        versions = catalog.versions
        _announce(report, repository, catalog)
        if not catalog.versions:
            return 0 if stop.asked else _nothing_to_serve(report, directory)
        server.publish(catalog.versions, catalog.unavailable())
        for address in bound:
            report.say(f"listening on {address}")
        report.say(f"ready after {time.perf_counter() - began:.2f} s{_missing(len(catalog.unavailable()))}")
        stop.wait()
        return _drain(server, catalog, config.drain_timeout_s, report)
    finally:
        server.stop()
        for version in versions:
            version.end()


def _listen(server: _native.Server, config: Config, address: Address) -> Address:
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


def _announce(report: Report, repository: Repository, catalog: Catalog) -> None:
    if catalog.loaded:
        report.say(described(catalog.loaded))
    for problem in problems(repository, catalog):
        report.problem(problem)


def _missing(count: int) -> str:
    if not count:
        return ""
    return f", but without {counted(count, 'version')} (see above): until mended, the server's health is NOT_SERVING"


def _nothing_to_serve(report: Report, directory: Path) -> int:
    report.say(f"nothing in {directory} can be served; `salver check {directory}` says why")
    return 1


def _drain(server: _native.Server, catalog: Catalog, timeout: float, report: Report) -> int:
    """Let accepted calls be answered; 1 if some were not when time was up."""
    server.drain()
    deadline = time.monotonic() + timeout
    report.say(f"stopping: {counted(server.calls_in_flight(), 'call')} in flight")
    while (left := server.calls_in_flight()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for version in catalog.versions:
        version.close()
    if left:
        report.say(f"stopped with {counted(left, 'call')} unanswered after {timeout:g} s (--drain-timeout-s)")
        return 1
    report.say("stopped")
    return 0
