"""Where a server listens, as gRPC writes it, and the sockets that are bound there."""

import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from salver.grpc.credentials import Pem

_EXPECTED = "expected host:port, [ipv6]:port, unix:path or unix-abstract:name"
_UNIX, _ABSTRACT = "unix:", "unix-abstract:"
# What gRPC calls the port of an address that has none.
_NO_PORT = 1


@dataclass
class Port:
    """An address that is bound and listened on, though nobody accepts connections yet."""

    number: int
    sockets: list[socket.socket]
    security: Pem | None
    path: Path | None = None

    def give_away(self) -> list[int]:
        """The sockets' descriptors, which the caller is to close."""
        given, self.sockets = self.sockets, []
        return [each.detach() for each in given]

    def close(self) -> None:
        """Idempotent; a socket's file goes with it."""
        for each in self.sockets:
            each.close()
        self.sockets = []
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None


def open_port(address: str, security: Pem | None, share: bool) -> Port:
    """Bind and listen. Raises RuntimeError, as gRPC does, but with the reason.

    `share` lets other processes listen at the same TCP address, each getting some of its connections.
    """
    try:
        if address.startswith(_ABSTRACT):
            return Port(_NO_PORT, [_listening(socket.AF_UNIX, "\0" + address.removeprefix(_ABSTRACT))], security)
        if address.startswith(_UNIX):
            return _open_path(address.removeprefix(_UNIX), security)
        return _open_tcp(*_host_and_port(address), security, share)
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise RuntimeError(f"Failed to bind to address {address}; {reason}") from None


def _host_and_port(address: str) -> tuple[str, int]:
    """Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = address, "0"
    known = host.removeprefix("[").removesuffix("]")
    if not known or not port.isascii() or not port.isdigit() or int(port) > 65535 or "/" in known:
        raise ValueError(f"it is no address; {_EXPECTED}")
    return known, int(port)


def _open_tcp(host: str, number: int, security: Pem | None, share: bool) -> Port:
    """Listen on all that the host's name stands for, if that cannot be had on what can."""
    found = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    places = [(family, place[0]) for family, _, _, _, place in found]
    if host == "::":
        places.append((socket.AF_INET, "0.0.0.0"))
    port = Port(number, [], security)
    failure: OSError | None = None
    for family, name in places:
        try:
            own = _listening(family, (str(name), port.number), share, host == "::")
        except OSError as error:
            failure = failure or error
            continue
        port.number = own.getsockname()[1]
        port.sockets.append(own)
        if host == "::":
            break
    if not port.sockets:
        raise failure or OSError("the name stands for no address")
    return port


def _open_path(path: str, security: Pem | None) -> Port:
    """Raises ValueError."""
    name = Path("/" + path.lstrip("/") if path.startswith("//") else path)
    if not path:
        raise ValueError(f"the path is missing; {_EXPECTED}")
    _remove_stale(name)
    return Port(_NO_PORT, [_listening(socket.AF_UNIX, str(name))], security, name.absolute())


def _remove_stale(path: Path) -> None:
    """A socket that nobody answers on any more is in the way."""
    with suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            os.unlink(path)  # noqa: PTH108


def _listening(
    family: int, place: str | tuple[str, int], share: bool = False, both_families: bool = False
) -> socket.socket:
    own = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(share))
        if family == socket.AF_INET6:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both_families))
        own.bind(place)
        own.listen(socket.SOMAXCONN)
        own.setblocking(False)
    except OSError:
        own.close()
        raise
    return own
