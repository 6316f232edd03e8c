"""Config from flags and environment: a flag wins over the environment, which wins over the default."""

from collections.abc import Mapping
from typing import Any

from salver.config.addresses import Security
from salver.config.settings import SETTINGS, Config
from salver.problems import Unusable

_REMEDY = "`salver serve --help` lists every setting"


def load(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> Config:
    """`flags` are texts by the setting's name. Raises Unusable naming the flag or variable at fault."""
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        for where, text in (
            (setting.flag, flags.get(setting.name)),
            (setting.variable, environment.get(setting.variable)),
        ):
            if text is not None:
                values[setting.name] = _read(where, text, setting.read)
                break
    config = Config(**values)
    _check_tls(config)
    return config


def _read(where: str, text: str, read: Any) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise Unusable(where, f"'{text}' is no usable value: {error}", _REMEDY) from None


def _check_tls(config: Config) -> None:
    kinds = {address.security for address in config.listen}
    secured = kinds - {Security.PLAIN}
    pair = (config.tls_certificate, config.tls_key)
    if secured and None in pair:
        raise Unusable(
            "--listen", "an address with TLS needs a certificate", "give both --tls-certificate and --tls-key"
        )
    if not secured and pair != (None, None):
        raise Unusable(
            "--tls-certificate", "no address would use it", "write --listen tls:HOST:PORT (or mtls:) to serve with TLS"
        )
    if Security.MUTUAL_TLS in kinds and config.tls_client_ca is None:
        raise Unusable(
            "--listen", "mtls: needs the authority of the clients' certificates", "give --tls-client-ca FILE"
        )
    if Security.MUTUAL_TLS not in kinds and config.tls_client_ca is not None:
        raise Unusable(
            "--tls-client-ca", "no address would demand client certificates", "write --listen mtls:HOST:PORT"
        )
    for path in (*pair, config.tls_client_ca):
        if path is not None and not path.is_file():
            raise Unusable(path, "there is no such file", "give the path of a PEM file")
