"""Every setting of a server, declared once; flags, environment variables and documentation follow from here."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from salver.config.addresses import Address, addresses
from salver.config.values import one_of, optional_file, seconds, size, whole_number


@dataclass(frozen=True)
class Setting:
    """How one field of Config is written by a person."""

    name: str
    default: str
    read: Callable[[str], Any]
    shown: str
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "SALVER_" + self.name.upper()


def _setting(default: str, read: Callable[[str], Any], shown: str, text: str) -> Any:
    return field(default=read(default), metadata={"default": default, "read": read, "shown": shown, "help": text})


_POSITIVE = whole_number(1, 2**31 - 1)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a server is told when it is started."""

    listen: tuple[Address, ...] = _setting(
        "127.0.0.1:8500",
        addresses,
        "ADDR",
        "where to listen: host:port (port 0 picks a free one) or unix:path; after tls: with the server's certificate, "
        "after mtls: also demanding one of the client; may be repeated, in the environment with commas",
    )
    tls_certificate: Path | None = _setting(
        "", optional_file, "FILE", "PEM file with the server's certificate, and chain, for tls: and mtls: addresses"
    )
    tls_key: Path | None = _setting("", optional_file, "FILE", "PEM file with the private key of that certificate")
    tls_client_ca: Path | None = _setting(
        "", optional_file, "FILE", "PEM file with the authority that clients' certificates must come from, for mtls:"
    )
    max_message_mib: int = _setting("100", whole_number(1, 2047), "MIB", "the largest request, in MiB")
    max_header_kib: int = _setting("16", whole_number(1, 1024), "KIB", "the largest request header, in KiB")
    max_streams: int = _setting("1000", _POSITIVE, "N", "requests at once on one HTTP/2 connection")
    max_calls: int = _setting("10000", _POSITIVE, "N", "calls in flight; more are refused")
    max_bytes_in_flight: int = _setting("1GiB", size, "SIZE", "bytes of requests in flight; more are refused")
    header_timeout_s: float = _setting("10", seconds, "S", "how long a request's header may take to arrive")
    keep_alive_s: float = _setting("30", seconds, "S", "a silent HTTP/2 connection is asked this often if it lives")
    drain_timeout_s: float = _setting("30", seconds, "S", "how long accepted calls may take once the server is stopped")
    network_threads: int = _setting("1", whole_number(1, 256), "N", "threads that do nothing but network work")
    log_level: str = _setting(
        "info", one_of("error", "info"), "LEVEL", "error prints problems only, info also what is served and where"
    )


SETTINGS: tuple[Setting, ...] = tuple(
    Setting(each.name, each.metadata["default"], each.metadata["read"], each.metadata["shown"], each.metadata["help"])
    for each in fields(Config)
)


def native_settings(config: Config) -> str:
    """The document that `salver._native.Server` is made from."""
    return json.dumps(
        {
            "max_message_bytes": config.max_message_mib * 1024**2,
            "max_header_bytes": config.max_header_kib * 1024,
            "max_streams": config.max_streams,
            "max_calls": config.max_calls,
            "max_bytes_in_flight": config.max_bytes_in_flight,
            "header_timeout_ms": round(config.header_timeout_s * 1000),
            "keep_alive_ms": round(config.keep_alive_s * 1000),
            "network_threads": config.network_threads,
        }
    )


def settings_table() -> str:
    """The settings as a Markdown table, for the documentation."""
    rows = ["| flag | environment | default | meaning |", "|---|---|---|---|"]
    for each in SETTINGS:
        default = f"`{each.default}`" if each.default else ""
        rows.append(f"| `{each.flag} {each.shown}` | `{each.variable}` | {default} | {each.help} |")
    return "\n".join(rows)
