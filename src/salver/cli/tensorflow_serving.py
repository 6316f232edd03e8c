"""`salver tensorflow-serving`: a server that is started as `tensorflow_model_server` is."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from salver.config.addresses import Address, Security
from salver.config.load import load
from salver.config.settings import Config
from salver.config.tensorflow_files import (
    BatchingParameters,
    SslConfig,
    read_batching_parameters,
    read_monitoring_config,
    read_ssl_config,
)
from salver.config.tensorflow_flags import Flags, help_text, read_flags
from salver.problems import Unusable
from salver.repository.model_config import listed_by_flags
from salver.repository.settings import SavedModelSettings, ServableSettings
from salver.repository.sources import Sources
from salver.server.report import Report
from salver.server.run import Listing, serve

_EVERYWHERE = "0.0.0.0"
# What salver's own environment may add to the flags.
_ADDED = (
    "max_message_mib",
    "max_streams",
    "max_connections",
    "max_calls",
    "network_threads",
    "drain_timeout_s",
    "log_level",
    "admin",
    "allow_reload",
)
# What `max_batch_size` of batching is if nothing is said.
_MOST_ROWS = 1000
# Batching parameters that have no counterpart here, and what there is in their place.
_WITHOUT_EFFECT = {
    "num_batch_threads": "`instances` in a model's salver.toml is how many batches run at once",
    "pad_variable_length_inputs": "rows of different shapes run in batches of their own",
}


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Serve until a signal comes; gives the exit status. Raises Unusable."""
    if {"--help", "-h", "-help"}.intersection(arguments):
        print(help_text())
        return 0
    flags = read_flags(arguments)
    if flags.is_set("version"):
        from salver import _native

        print(f"salver {_native.version()}, in the place of TensorFlow Serving")
        return 0
    start = planned(flags, environment)
    for note in start.notes:
        Report(start.config.log_level).say(note)
    return serve(start.config, start.sources, start.listing)


@dataclass(frozen=True)
class Start:
    """What the flags mean."""

    config: Config
    sources: Sources
    listing: Listing
    notes: tuple[str, ...]


def planned(flags: Flags, environment: Mapping[str, str]) -> Start:
    """Raises Unusable for flags that contradict each other, and for files with mistakes."""
    notes = [f"ignored: {', '.join(f'--{name}' for name in flags.ignored)}"] if flags.ignored else []
    defaults, more = _batching(flags)
    notes += more
    saved_model = _saved_model(flags)
    if saved_model != SavedModelSettings():
        defaults = replace(defaults or ServableSettings(), saved_model=saved_model)
    listing, sources = _models(flags, defaults)
    return Start(_config(flags, environment), sources, listing, tuple(notes))


def _saved_model(flags: Flags) -> SavedModelSettings:
    """Threads of a session are those of one run here, as its many calls are the workers' affair."""
    threads = flags.number("tensorflow_intra_op_parallelism") or flags.number("tensorflow_session_parallelism")
    return SavedModelSettings(
        threads=max(1, threads),
        warm_up=flags.is_set("enable_model_warmup"),
        warm_up_rounds=max(1, flags.number("num_request_iterations_for_warmup")),
    )


def _config(flags: Flags, environment: Mapping[str, str]) -> Config:
    variables = {f"SALVER_{name.upper()}" for name in _ADDED}
    own = load({}, {name: text for name, text in environment.items() if name in variables})
    ssl = read_ssl_config(Path(flags.text("ssl_config_file"))) if flags.text("ssl_config_file") else None
    poll_s, timeout_ms = flags.number("file_system_poll_wait_seconds"), flags.number("rest_api_timeout_in_ms")
    return replace(
        own if ssl is None else _with_tls(own, ssl),
        listen=_addresses(flags, ssl),
        watch_s=float(poll_s) if poll_s > 0 else None,
        load_retries=max(0, flags.number("max_num_load_retries")),
        cors_origins=("*",) if flags.is_set("rest_api_enable_cors_support") else (),
        load_retry_s=max(1, flags.number("load_retry_interval_micros")) / 1e6,
        http_timeout_s=timeout_ms / 1000 if timeout_ms > 0 else None,
        tensorflow_metrics=_metrics(flags),
        tensor_content=flags.is_set("enable_serialization_as_tensor_content"),
    )


def _addresses(flags: Flags, ssl: SslConfig | None) -> tuple[Address, ...]:
    """As TensorFlow Serving has it, TLS is for gRPC's port alone, and a REST port of 0 is none."""
    if flags.is_set("use_alts_credentials"):
        what = "is asked for, but there is no ALTS here, and nobody is to be served in plain text unawares"
        raise Unusable("--use_alts_credentials", what, "give --ssl_config_file in its place, or leave it out")
    security = Security.PLAIN
    if ssl is not None:
        security = Security.MUTUAL_TLS if ssl.client_verify else Security.TLS
    addresses = [Address(f"{_EVERYWHERE}:{_port(flags, 'port')}", security)]
    if flags.text("grpc_socket_path"):
        addresses.append(Address(f"unix:{flags.text('grpc_socket_path')}"))
    if flags.number("rest_api_port"):
        if flags.number("rest_api_port") == flags.number("port"):
            raise Unusable("--rest_api_port", "is the same as --port", "give two ports; each speaks every protocol")
        addresses.append(Address(f"{_EVERYWHERE}:{_port(flags, 'rest_api_port')}"))
    return tuple(addresses)


def _port(flags: Flags, name: str) -> int:
    port = flags.number(name)
    if not 0 <= port <= 65535:
        raise Unusable(f"--{name}", f"{port} is no port", "give a number from 0 to 65535")
    return port


def _with_tls(config: Config, ssl: SslConfig) -> Config:
    authority = _in_memory(ssl.custom_ca) if ssl.client_verify else None
    certificate, key = _in_memory(ssl.server_cert), _in_memory(ssl.server_key)
    return replace(config, tls_certificate=certificate, tls_key=key, tls_client_ca=authority)


def _in_memory(text: str) -> Path:
    """A file that is on no disk, for as long as the process lives."""
    descriptor = os.memfd_create("salver")
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(text.encode())
    return Path(f"/proc/self/fd/{descriptor}")


def _models(flags: Flags, defaults: ServableSettings | None) -> tuple[Listing, Sources]:
    early = flags.is_set("allow_version_labels_for_unavailable_models")
    if flags.text("model_config_file"):
        poll = flags.number("model_config_file_poll_wait_seconds")
        file = Path(flags.text("model_config_file"))
        listing = Listing(file, float(poll) if poll > 0 else None, defaults, early)
        return listing, Sources(listed=listing.read() or ())
    if not flags.text("model_base_path"):
        remedy = "give --model_base_path=DIR, whose version folders are 1, 2, ..., or --model_config_file=FILE"
        raise Unusable("--model_base_path", "is missing, and so is --model_config_file", remedy)
    listed = listed_by_flags(flags.text("model_name"), flags.text("model_base_path"), defaults)
    return Listing(None, None, defaults, early), Sources(listed=(listed,))


def _batching(flags: Flags) -> tuple[ServableSettings | None, list[str]]:
    """What the parameters say of every model; what of them is not followed is told."""
    file = flags.text("batching_parameters_file")
    if not file:
        return _settings(BatchingParameters()) if flags.is_set("enable_batching") else None, []
    if not flags.is_set("enable_batching"):
        raise Unusable("--batching_parameters_file", "is of use only with --enable_batching", "add --enable_batching")
    said = read_batching_parameters(Path(file))
    ignored = [f"{name} ({why})" for name, why in _WITHOUT_EFFECT.items() if getattr(said, name)]
    return _settings(said), [f"without effect in {file}: {'; '.join(ignored)}"] if ignored else []


def _settings(said: BatchingParameters) -> ServableSettings:
    """The same in salver's words. With splitting, calls may have more rows than batches."""
    usual = ServableSettings()
    largest = said.max_execution_batch_size if said.enable_large_batch_splitting else said.max_batch_size
    sizes = said.allowed_batch_sizes
    return ServableSettings(
        max_batch_size=largest or said.max_batch_size or max(sizes, default=_MOST_ROWS),
        max_wait_ms=usual.max_wait_ms if said.batch_timeout_micros is None else said.batch_timeout_micros / 1000,
        allowed_batch_sizes=sizes,
        max_waiting_batches=said.max_enqueued_batches,
        max_call_rows=said.max_batch_size,
    )


def _metrics(flags: Flags) -> str | None:
    """The path at which they are wanted."""
    if not flags.text("monitoring_config_file"):
        return None
    said = read_monitoring_config(Path(flags.text("monitoring_config_file")))
    return said.path if said.enable else None
