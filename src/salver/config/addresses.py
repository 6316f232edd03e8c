"""Where a server listens: `host:port`, `unix:path`, each also behind `tls:` or `mtls:`."""

import ipaddress
from dataclasses import dataclass
from enum import Enum

_EXPECTED = "expected host:port, unix:path, or one of them after tls: or mtls:, such as tls:127.0.0.1:8443"


class Security(Enum):
    """What a connection must show before it is served."""

    PLAIN = ""
    TLS = "tls:"
    MUTUAL_TLS = "mtls:"


@dataclass(frozen=True)
class Address:
    """One listener: `target` is `host:port` or `unix:path`."""

    target: str
    security: Security = Security.PLAIN

    def __str__(self) -> str:
        return self.security.value + self.target

    @property
    def host(self) -> str:
        """Of `host:port`, without brackets."""
        return self.target.rpartition(":")[0].removeprefix("[").removesuffix("]")

    @property
    def port(self) -> int:
        """Of `host:port`."""
        return int(self.target.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether it says itself that only this host reaches it; names other than localhost are not looked up."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def address(text: str) -> Address:
    """Read one address. Raises ValueError."""
    for security in (Security.TLS, Security.MUTUAL_TLS):
        if text.startswith(security.value):
            return Address(_target(text.removeprefix(security.value)), security)
    return Address(_target(text))


def addresses(text: str) -> tuple[Address, ...]:
    """Read several, with commas between them. Raises ValueError."""
    found = tuple(address(part.strip()) for part in text.split(","))
    if len(set(found)) != len(found):
        raise ValueError("the same address is named twice")
    return found


def workers_address(text: str) -> Address | None:
    """Where workers of other processes meet their server: TCP, plain or with certificates on both sides; None if empty.

    Raises ValueError.
    """
    if not text:
        return None
    found = address(text)
    if found.target.startswith("unix:") or found.security is Security.TLS:
        raise ValueError("expected host:port or mtls:host:port, such as 127.0.0.1:8600 or mtls:0.0.0.0:8600")
    return found


def _target(text: str) -> str:
    if text.startswith("unix:"):
        if text == "unix:":
            raise ValueError(f"the path is missing; {_EXPECTED}")
        return text
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(_EXPECTED)
    return text
