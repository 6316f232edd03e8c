"""Where a server listens: `host:port`, `unix:path`, each also behind `tls:` or `mtls:`."""

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


def _target(text: str) -> str:
    if text.startswith("unix:"):
        if text == "unix:":
            raise ValueError(f"the path is missing; {_EXPECTED}")
        return text
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(_EXPECTED)
    return text
