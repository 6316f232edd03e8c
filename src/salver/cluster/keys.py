"""What the two sides of a connection show each other: certificates, and that they know the token."""

import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from salver.config.addresses import Security
from salver.config.settings import Config, WorkerConfig
from salver.problems import Unusable


class Certificates:
    """Those of one side, read again for every connection, so that renewed ones are used at once."""

    def __init__(self, read: Callable[[], ssl.SSLContext]) -> None:
        """Raises Unusable if they cannot be used now."""
        self._read = read
        try:
            self._good = read()
        except OSError as error:
            what = f"cannot be used: {getattr(error, 'reason', None) or error.strerror or error}"
            raise Unusable("TLS files", what, "give PEM files, and a key that belongs to its certificate") from None

    def context(self) -> ssl.SSLContext:
        """The current ones, or while somebody is writing them the last ones."""
        with suppress(OSError):
            self._good = self._read()
        return self._good


@dataclass(frozen=True)
class Keys:
    """One side's token, which is empty if there is none, and its certificates; None for a plain connection."""

    token: bytes = field(default=b"", repr=False)
    certificates: Certificates | None = None


def server_keys(config: Config) -> Keys:
    """Of a server that accepts workers. Raises Unusable."""
    if config.accept_workers is None or config.accept_workers.security is Security.PLAIN:
        return Keys(config.worker_token)

    def read() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        return _mutual(context, config.tls_certificate, config.tls_key, config.tls_client_ca)

    return Keys(config.worker_token, Certificates(read))


def worker_keys(config: WorkerConfig) -> Keys:
    """Of a worker that joins. The server's certificate must be for the host that `--join` names. Raises Unusable."""
    if config.join is None or config.join.security is Security.PLAIN:
        return Keys(config.worker_token)

    def read() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return _mutual(context, config.tls_certificate, config.tls_key, config.tls_ca)

    return Keys(config.worker_token, Certificates(read))


def _mutual(context: ssl.SSLContext, *files: object) -> ssl.SSLContext:
    certificate, key, authority = map(str, files)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    return context
