"""Where a server is, and how it is to be spoken to."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from salver.client.errors import InvalidCall

File = str | PathLike[str]


@dataclass(frozen=True)
class Endpoint:
    """`target` is `host:port` or `unix:path`; the files are PEM."""

    target: str
    secure: bool
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def unix_path(self) -> str | None:
        return self.target.removeprefix("unix:") if self.target.startswith("unix:") else None

    @property
    def host(self) -> str:
        """The name that the server's certificate must bear."""
        return "localhost" if self.unix_path is not None else self.target.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.target.rpartition(":")[2])

    def __str__(self) -> str:
        return ("tls:" if self.secure else "") + self.target


def endpoint(
    address: str, ca: File | None = None, certificate: File | None = None, key: File | None = None
) -> Endpoint:
    """Read an address as a server prints it. Raises InvalidCall."""
    target = address.removeprefix("tls:").removeprefix("mtls:")
    secure = target != address or ca is not None
    host, _, port = target.rpartition(":")
    if not target.startswith("unix:") and (not host or not port.isdigit() or int(port) > 65535):
        hint = "" if ":" in target else f"; did you mean {address}:8500?"
        raise InvalidCall(f"'{address}' is no address: expected host:port, unix:path, or one of them after tls:{hint}")
    if (certificate is None) != (key is None):
        raise InvalidCall("a certificate and its key must be given together")
    if certificate is not None and not secure:
        raise InvalidCall(f"a certificate is of use only with TLS: write tls:{target}")
    return Endpoint(target, secure, _file(ca), _file(certificate), _file(key))


def _file(path: File | None) -> Path | None:
    if path is None:
        return None
    if not Path(path).is_file():
        raise InvalidCall(f"there is no file '{path}'")
    return Path(path)
