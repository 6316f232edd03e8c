"""Files that TensorFlow Serving's flags name, all in protobuf's text form; each raises Unusable with its line."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from salver.config.text_proto import Schema, file_text, read_text
from salver.problems import Unusable

_SCHEMA: Schema = {
    "SSLConfig": ["1 server_key: string", "2 server_cert: string", "3 custom_ca: string", "4 client_verify: bool"],
    "MonitoringConfig": ["1 prometheus_config: PrometheusConfig"],
    "PrometheusConfig": ["1 enable: bool", "2 path: string"],
    "BatchingParameters": [
        "1 max_batch_size: Int64Value",
        "2 batch_timeout_micros: Int64Value",
        "3 max_enqueued_batches: Int64Value",
        "4 num_batch_threads: Int64Value",
        "5 thread_pool_name: StringValue",
        "6 allowed_batch_sizes: [int64]",
        "7 pad_variable_length_inputs: bool",
        "8 enable_large_batch_splitting: BoolValue",
        "9 max_execution_batch_size: Int64Value",
    ],
    "Int64Value": ["1 value: int64"],
    "BoolValue": ["1 value: bool"],
    "StringValue": ["1 value: string"],
}
_PEM = "-----BEGIN "
_INLINE = "put the PEM text there, not its file's path, with \\n for the ends of its lines"


@dataclass(frozen=True)
class SslConfig:
    """PEM texts; `client_verify` demands a certificate of the client, from `custom_ca`."""

    server_key: str
    server_cert: str
    custom_ca: str
    client_verify: bool


@dataclass(frozen=True)
class BatchingParameters:
    """How batches are formed; None where nothing is said."""

    max_batch_size: int | None = None
    batch_timeout_micros: int | None = None
    max_enqueued_batches: int | None = None
    num_batch_threads: int | None = None
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None


@dataclass(frozen=True)
class Prometheus:
    """Whether metrics are wanted, and where."""

    enable: bool
    path: str


def read_ssl_config(path: Path) -> SslConfig:
    message = _read(path, "SSLConfig")
    for field in ("server_key", "server_cert"):
        if not getattr(message, field):
            raise Unusable(path, f"has no {field}", _INLINE)
    if message.client_verify and not message.custom_ca:
        raise Unusable(path, "says client_verify, but has no custom_ca", "put the PEM text of the authority there")
    for field in ("server_key", "server_cert", "custom_ca"):
        if _PEM not in (getattr(message, field) or _PEM):
            raise Unusable(path, f"has a {field} that is no PEM text, which has '{_PEM}...'", _INLINE)
    return SslConfig(message.server_key, message.server_cert, message.custom_ca, message.client_verify)


def read_monitoring_config(path: Path) -> Prometheus:
    said = _read(path, "MonitoringConfig").prometheus_config
    if said.path and not said.path.startswith("/"):
        raise Unusable(path, f"has the path '{said.path}'", "let it begin with /, as in /monitoring/prometheus/metrics")
    return Prometheus(said.enable, said.path or "/monitoring/prometheus/metrics")


def read_batching_parameters(path: Path) -> BatchingParameters:
    message = _read(path, "BatchingParameters")
    numbers = {name: _number(path, message, name) for name in _NUMBERS}
    sizes = tuple(message.allowed_batch_sizes)
    splitting = message.enable_large_batch_splitting.value
    _check_splitting(path, splitting, numbers["max_execution_batch_size"], numbers["max_batch_size"])
    _check_sizes(path, sizes, numbers["max_execution_batch_size" if splitting else "max_batch_size"])
    return BatchingParameters(
        **numbers,
        allowed_batch_sizes=sizes,
        pad_variable_length_inputs=message.pad_variable_length_inputs,
        enable_large_batch_splitting=splitting,
    )


# With the least value of each.
_NUMBERS = {
    "max_batch_size": 1,
    "batch_timeout_micros": 0,
    "max_enqueued_batches": 1,
    "num_batch_threads": 1,
    "max_execution_batch_size": 1,
}


def _number(path: Path, message: Any, name: str) -> int | None:
    if not message.HasField(name):
        return None
    value: int = getattr(message, name).value
    if not _NUMBERS[name] <= value < 2**31:
        raise Unusable(path, f"{name} is {value}", f"give a whole number from {_NUMBERS[name]} on")
    return value


def _check_splitting(path: Path, splitting: bool, executed: int | None, accepted: int | None) -> None:
    if splitting and executed is not None and accepted is not None and executed > accepted:
        what = f"max_execution_batch_size is {executed}, larger than max_batch_size, which is {accepted}"
        raise Unusable(path, what, "let what runs at once be a part of what one call may have")


def _check_sizes(path: Path, sizes: tuple[int, ...], largest: int | None) -> None:
    if any(first >= second for first, second in pairwise(sizes)) or min(sizes, default=1) < 1:
        raise Unusable(path, f"allowed_batch_sizes are {list(sizes)}", "give them in ascending order, from 1 on")
    if sizes and largest is not None and sizes[-1] != largest:
        what = f"the last of allowed_batch_sizes is {sizes[-1]}, and batches may have {largest} rows"
        raise Unusable(path, what, "let both be the same")


def _read(path: Path, name: str) -> Any:
    return read_text(file_text(path), str(path), _SCHEMA, name)
