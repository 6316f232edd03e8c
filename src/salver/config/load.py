"""Configs from flags and environment: a flag wins over the environment, which wins over the default."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from salver.config.addresses import Security
from salver.config.settings import SETTINGS, TOKEN_VARIABLE, WORKER_SETTINGS, Config, Setting, WorkerConfig
from salver.problems import Unusable

_SHORTEST_TOKEN = 16
_MAKE_TOKEN = "`openssl rand -hex 32 > FILE` makes one"


def load(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> Config:
    """`flags` are texts by the setting's name. Raises Unusable naming the flag or variable at fault."""
    config = Config(**_values(SETTINGS, flags, environment, "serve"))
    config = replace(config, worker_token=_token(config.worker_token_file, environment))
    _check_tls(config)
    _check_accepting(config)
    return config


def load_worker(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> WorkerConfig:
    """The same for a worker that joins a server elsewhere. Raises Unusable."""
    config = WorkerConfig(**_values(WORKER_SETTINGS, flags, environment, "worker"))
    config = replace(config, worker_token=_token(config.worker_token_file, environment))
    _check_joining(config)
    return config


def _values(
    settings: Sequence[Setting], flags: Mapping[str, str | None], environment: Mapping[str, str], command: str
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for setting in settings:
        for where, text in (
            (setting.flag, flags.get(setting.name)),
            (setting.variable, environment.get(setting.variable)),
        ):
            if text is not None:
                values[setting.name] = _read(where, text, setting, command)
                break
    return values


def _read(where: str, text: str, setting: Setting, command: str) -> Any:
    try:
        return setting.read(text)
    except ValueError as error:
        remedy = f"`salver {command} --help` lists every setting"
        if setting.is_truth and where == setting.flag:
            remedy = f"write {where} behind everything else, or {where} true"
        raise Unusable(where, f"'{text}' is no usable value: {error}", remedy) from None


def _token(file: Path | None, environment: Mapping[str, str]) -> bytes:
    """The token, or nothing. Raises Unusable for one that is too short or said twice."""
    said = environment.get(TOKEN_VARIABLE, "")
    if file is None:
        return _long_enough(TOKEN_VARIABLE, said.encode()) if said else b""
    if said:
        raise Unusable(TOKEN_VARIABLE, f"is set, and {file} has a token, too", "keep one of the two")
    try:
        return _long_enough(file, file.read_bytes().strip())
    except OSError as error:
        raise Unusable(file, f"cannot be read: {error.strerror}", f"put the token there; {_MAKE_TOKEN}") from None


def _long_enough(where: object, token: bytes) -> bytes:
    if len(token) < _SHORTEST_TOKEN:
        what = f"has a token of {len(token)} characters, but {_SHORTEST_TOKEN} are the fewest"
        raise Unusable(where, what, f"take a longer one, by chance: {_MAKE_TOKEN}")
    return token


def _check_tls(config: Config) -> None:
    kinds = {address.security for address in config.listen}
    where = "--listen" if kinds - {Security.PLAIN} else "--accept-workers"
    kinds |= {config.accept_workers.security} if config.accept_workers else set()
    secured = kinds - {Security.PLAIN}
    pair = (config.tls_certificate, config.tls_key)
    if secured and None in pair:
        raise Unusable(where, "an address with TLS needs a certificate", "give both --tls-certificate and --tls-key")
    if not secured and pair != (None, None):
        raise Unusable(
            "--tls-certificate", "no address would use it", "write --listen tls:HOST:PORT (or mtls:) to serve with TLS"
        )
    if Security.MUTUAL_TLS in kinds and config.tls_client_ca is None:
        raise Unusable(where, "mtls: needs the authority of the clients' certificates", "give --tls-client-ca FILE")
    if Security.MUTUAL_TLS not in kinds and config.tls_client_ca is not None:
        raise Unusable(
            "--tls-client-ca", "no address would demand client certificates", "write --listen mtls:HOST:PORT"
        )
    _check_files(*pair, config.tls_client_ca)


def _check_accepting(config: Config) -> None:
    """Other hosts are let in with certificates and token only."""
    address = config.accept_workers
    if address is None:
        if config.worker_token_file is not None:
            remedy = "write --accept-workers ADDR to let workers join"
            raise Unusable("--worker-token-file", "nobody would be asked for the token", remedy)
        return
    if address.is_loopback:
        return
    if address.security is Security.PLAIN:
        remedy = f"write --accept-workers mtls:{address} with --tls-certificate, --tls-key, --tls-client-ca and a token"
        raise Unusable("--accept-workers", f"{address} is for other hosts, too, so it must not be plain", remedy)
    _check_token("--accept-workers", config.worker_token)


def _check_joining(config: WorkerConfig) -> None:
    if config.join is None:
        raise Unusable("--join", "is missing", "give the address that the server accepts workers at")
    files = (config.tls_certificate, config.tls_key, config.tls_ca)
    if config.join.security is Security.MUTUAL_TLS:
        if None in files:
            remedy = "give --tls-certificate, --tls-key and --tls-ca"
            raise Unusable("--join", "mtls: needs this worker's certificate, and its server's authority", remedy)
    elif any(files):
        raise Unusable("--join", "would not use the TLS files", f"write --join mtls:{config.join}")
    _check_files(*files)
    if config.join.is_loopback:
        return
    if config.join.security is Security.PLAIN:
        remedy = f"write --join mtls:{config.join} with --tls-certificate, --tls-key, --tls-ca and a token"
        raise Unusable("--join", f"{config.join} is another host, so the way there must not be plain", remedy)
    _check_token("--join", config.worker_token)


def _check_token(where: str, token: bytes) -> None:
    if not token:
        remedy = f"put one into a file for --worker-token-file, or into {TOKEN_VARIABLE}; {_MAKE_TOKEN}"
        raise Unusable(where, "workers of other hosts and their server need a token", remedy)


def _check_files(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and not path.is_file():
            raise Unusable(path, "there is no such file", "give the path of a PEM file")
