"""Every setting, declared once; flags, environment variables and documentation follow from here."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from salver.config.addresses import Address, addresses, workers_address
from salver.config.values import (
    boolean,
    one_of,
    optional_file,
    optional_number,
    optional_path,
    optional_seconds,
    optional_socket,
    origins,
    seconds,
    size,
    whole_number,
)

TOKEN_VARIABLE = "SALVER_WORKER_TOKEN"
"""Where the token itself may be; it has no flag, for command lines are read by everybody."""


@dataclass(frozen=True)
class Setting:
    """How one field of Config, or of WorkerConfig, is written by a person."""

    name: str
    default: str
    read: Callable[[str], Any]
    shown: str
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.removeprefix("servable_").replace("_", "-")

    @property
    def variable(self) -> str:
        return "SALVER_" + self.name.upper()

    @property
    def is_truth(self) -> bool:
        """Whether the flag alone says true."""
        return self.read is boolean


def _setting(default: str, read: Callable[[str], Any], shown: str, text: str) -> Any:
    return field(default=read(default), metadata={"default": default, "read": read, "shown": shown, "help": text})


_POSITIVE = whole_number(1, 2**31 - 1)
_MOST_WORKERS = 1024


def _token_file() -> Any:
    text = "file with the token that workers of other hosts share with their server, 16 characters or more; or the "
    return _setting("", optional_file, "FILE", f"{text}token itself in `{TOKEN_VARIABLE}`")


def _token() -> Any:
    return field(default=b"", repr=False)


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
    max_connections: int = _setting("10000", _POSITIVE, "N", "connections at once; more are closed as they come")
    max_calls: int = _setting("10000", _POSITIVE, "N", "calls in flight; more are refused")
    max_bytes_in_flight: int = _setting("1GiB", size, "SIZE", "bytes of requests in flight; more are refused")
    cors_origins: tuple[str, ...] = _setting(
        "",
        origins,
        "ORIGINS",
        "web pages that browsers let use this server: origins such as https://app.example.com, with commas, or * for "
        "all; if not given, none",
    )
    header_timeout_s: float = _setting(
        "10", seconds, "S", "how long a request's header may take to arrive, and how long what is being sent may pause"
    )
    reply_timeout_s: float = _setting(
        "60",
        seconds,
        "S",
        "how long a client may read nothing of a reply, or less than 1 KiB a second, before it is given up and its "
        "call cancelled",
    )
    keep_alive_s: float = _setting("30", seconds, "S", "a silent HTTP/2 connection is asked this often if it lives")
    drain_timeout_s: float = _setting("30", seconds, "S", "how long accepted calls may take once the server is stopped")
    network_threads: int = _setting("1", whole_number(1, 256), "N", "threads that do nothing but network work")
    log_level: str = _setting(
        "info", one_of("error", "info"), "LEVEL", "error prints problems only, info also what is served and where"
    )
    watch_s: float | None = _setting(
        "", optional_seconds, "S", "look this often whether versions have come or gone; if not given, never"
    )
    load_retries: int = _setting(
        "5", whole_number(0, 2**31 - 1), "N", "how often a version that cannot be loaded is tried again"
    )
    load_retry_s: float = _setting("60", seconds, "S", "how long after a failure it is tried again")
    admin: Path | None = _setting(
        "",
        optional_socket,
        "unix:PATH",
        "a socket for `salver load`, `unload`, `label`, `reload` and `status`, of the server's user alone",
    )
    allow_reload: bool = _setting(
        "false",
        boolean,
        "true",
        "let every caller change what is served, by TensorFlow Serving's HandleReloadConfigRequest; if not, only those "
        "at the socket of --admin may",
    )
    http_timeout_s: float | None = _setting(
        "", optional_seconds, "S", "how long a call over plain HTTP may take, streams excepted; if not given, any time"
    )
    tensor_content: bool = _setting(
        "false",
        boolean,
        "true",
        "let replies to TensorFlow Serving's gRPC clients have numbers in tensor_content, which is quicker, not in the "
        "fields of their types, which much client code reads",
    )
    tensorflow_metrics: str | None = _setting(
        "",
        optional_path,
        "PATH",
        "a page on which metrics have the names of TensorFlow Serving, such as /monitoring/prometheus/metrics",
    )
    accept_workers: Address | None = _setting(
        "",
        workers_address,
        "ADDR",
        "where workers of other processes may join: 127.0.0.1:PORT on this host; for other hosts mtls:HOST:PORT, with "
        "the server's TLS files and a token",
    )
    worker_token_file: Path | None = _token_file()
    worker_token: bytes = _token()


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """What a worker that joins a server elsewhere is told when it is started."""

    join: Address | None = _setting(
        "", workers_address, "ADDR", "where the server accepts workers: host:port, or mtls:host:port"
    )
    servable_version: int | None = _setting(
        "", optional_number(1, 2**63 - 1), "N", "the version, if not what salver.toml says"
    )
    workers: int | None = _setting(
        "", optional_number(1, _MOST_WORKERS), "N", "processes, if not as many as salver.toml or the code says"
    )
    tls_certificate: Path | None = _setting(
        "", optional_file, "FILE", "PEM file with this worker's certificate, for mtls:"
    )
    tls_key: Path | None = _setting("", optional_file, "FILE", "PEM file with the private key of that certificate")
    tls_ca: Path | None = _setting(
        "", optional_file, "FILE", "PEM file with the authority that the server's certificate must come from"
    )
    worker_token_file: Path | None = _token_file()
    drain_timeout_s: float = _setting(
        "30", seconds, "S", "how long batches in hand may take once the worker is stopped"
    )
    worker_token: bytes = _token()


def _settings(config: type[Any]) -> tuple[Setting, ...]:
    said = ((each.name, each.metadata) for each in fields(config) if each.metadata)
    return tuple(Setting(name, own["default"], own["read"], own["shown"], own["help"]) for name, own in said)


SETTINGS = _settings(Config)
WORKER_SETTINGS = _settings(WorkerConfig)


Speaks = Literal["everything", "mindspore-rest"]
"""What the listeners of a server do."""


def native_settings(config: Config, speaks: Speaks = "everything") -> str:
    """The document that `salver._native.Server` is made from."""
    return json.dumps(
        {
            "max_message_bytes": config.max_message_mib * 1024**2,
            "max_header_bytes": config.max_header_kib * 1024,
            "max_streams": config.max_streams,
            "max_connections": config.max_connections,
            "max_calls": config.max_calls,
            "max_bytes_in_flight": config.max_bytes_in_flight,
            "header_timeout_ms": round(config.header_timeout_s * 1000),
            "reply_timeout_ms": round(config.reply_timeout_s * 1000),
            "keep_alive_ms": round(config.keep_alive_s * 1000),
            "network_threads": config.network_threads,
            "http_timeout_ms": None if config.http_timeout_s is None else round(config.http_timeout_s * 1000),
            "allow_reload": config.allow_reload,
            "tensor_content": config.tensor_content,
            "tensorflow_metrics": config.tensorflow_metrics,
            "speaks": speaks,
            "cors_origins": config.cors_origins,
        }
    )


def settings_table(settings: Sequence[Setting] = SETTINGS) -> str:
    """The settings as a Markdown table, for the documentation."""
    rows = ["| flag | environment | default | meaning |", "|---|---|---|---|"]
    for each in settings:
        default = f"`{each.default}`" if each.default else ""
        value = f"[{each.shown}]" if each.is_truth else each.shown
        rows.append(f"| `{each.flag} {value}` | `{each.variable}` | {default} | {each.help} |")
    return "\n".join(rows)
