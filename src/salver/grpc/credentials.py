"""A server's certificates, which gRPC's own objects do not give back."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import grpc


@dataclass(frozen=True)
class Pem:
    """Certificate chain and private key, and the authority that clients' certificates must come from, if any must."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None


class SslServerCredentials(grpc.ServerCredentials):
    """What `grpc.ssl_server_credentials` gives, of use to either server."""

    def __init__(self, made: grpc.ServerCredentials, pem: Pem | None) -> None:
        super().__init__(made._credentials)  # type: ignore[attr-defined]
        self.pem = pem


def ssl_server_credentials(
    private_key_certificate_chain_pairs: Sequence[tuple[bytes, bytes]],
    root_certificates: bytes | None = None,
    require_client_auth: bool = False,
) -> SslServerCredentials:
    """As gRPC has it. A client's certificate is asked for only if `require_client_auth`."""
    from salver.grpc.originals import ssl_server_credentials as original

    pairs = [(key, certificate) for key, certificate in private_key_certificate_chain_pairs]
    made = original(pairs, root_certificates, require_client_auth)
    if len(pairs) > 1:
        return SslServerCredentials(made, None)
    key, certificate = pairs[0]
    return SslServerCredentials(made, Pem(certificate, key, root_certificates if require_client_auth else None))


def pem_of(credentials: grpc.ServerCredentials) -> Pem:
    """Raises ValueError for credentials of a kind that is not served."""
    if not isinstance(credentials, SslServerCredentials):
        raise ValueError(
            "these server credentials cannot be read; make them with ssl_server_credentials of salver.grpc, or start "
            "the script with `salver run`; ALTS, xDS, local and dynamic credentials are not served"
        )
    if credentials.pem is None:
        raise ValueError("several certificates on one port are not served; give one pair of key and certificate chain")
    return credentials.pem


class PemFiles:
    """PEM as files in memory that have names as long as this is open."""

    def __init__(self, pem: Pem) -> None:
        self._files: list[IO[bytes]] = []
        authority = None if pem.client_ca is None else self._keep("client-ca", pem.client_ca)
        self.names = (self._keep("certificate", pem.certificate), self._keep("key", pem.key), authority)

    def _keep(self, what: str, text: bytes) -> str:
        file = open(os.memfd_create(f"salver-{what}"), "wb")  # noqa: PTH123, SIM115
        self._files.append(file)
        file.write(text)
        file.flush()
        return f"/proc/self/fd/{file.fileno()}"

    def close(self) -> None:
        for file in self._files:
            file.close()
