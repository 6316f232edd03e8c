"""How servers were started in releases 1.1 to 1.4, with master and workers in one process, or apart."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from salver.authoring.mindspore.arguments import checked_int, checked_str
from salver.config.addresses import address
from salver.config.load import load, load_worker
from salver.config.settings import TOKEN_VARIABLE, Config, WorkerConfig
from salver.problems import Unusable
from salver.server.mindspore.config import ServableStartConfig, checked_device
from salver.server.mindspore.serving import (
    GRPC,
    REST,
    accept_workers,
    join_master,
    listen,
    start_servables,
    stop_on_failure,
)

_HIGHEST_PORT = 65535
_TOKEN = ("SALVER_WORKER_TOKEN_FILE", TOKEN_VARIABLE)
_OF_MASTER = ("SALVER_TLS_CERTIFICATE", "SALVER_TLS_KEY", "SALVER_TLS_CLIENT_CA")
_OF_WORKER = ("SALVER_TLS_CERTIFICATE", "SALVER_TLS_KEY", "SALVER_TLS_CA")
_PATIENCE = "SALVER_DRAIN_TIMEOUT_S"


@stop_on_failure
def start_servable_in_master(
    servable_directory: str,
    servable_name: str,
    version_number: int = 0,
    device_type: str | None = None,
    device_id: int = 0,
) -> None:
    """Start one servable. A relative directory begins at the current one, as it did in these releases.

    Raises:
        RuntimeError: an argument is wrong, or the servable cannot start. Then nothing runs any more.
    """
    directory = _from_here(servable_directory)
    start_servables(ServableStartConfig(directory, servable_name, device_id, version_number, device_type))


@stop_on_failure
def start_grpc_server(ip: str = "0.0.0.0", grpc_port: int = 5500, max_msg_mb_size: int = 100) -> None:
    """Serve at `ip` and `grpc_port`.

    Raises:
        RuntimeError: an argument is wrong, or the address cannot be used. Then nothing runs any more.
    """
    port = checked_int("grpc_port", grpc_port, 1, _HIGHEST_PORT)
    listen(GRPC, "Serving gRPC start success, listening on ", f"{checked_str('ip', ip)}:{port}", max_msg_mb_size, None)


@stop_on_failure
def start_restful_server(ip: str = "0.0.0.0", restful_port: int = 5900, max_msg_mb_size: int = 100) -> None:
    """Serve over HTTP at `ip` and `restful_port`.

    Raises:
        RuntimeError: an argument is wrong, or the address cannot be used. Then nothing runs any more.
    """
    port = checked_int("restful_port", restful_port, 1, _HIGHEST_PORT)
    listen(
        REST, "Serving RESTful start success, listening on ", f"{checked_str('ip', ip)}:{port}", max_msg_mb_size, None
    )


@stop_on_failure
def start_master_server(ip: str = "127.0.0.1", master_port: int = 6100) -> None:
    """Let workers of other processes join here, whose servables are then served as if they were this process's own.

    Workers of other hosts are let in at an address that they reach, if the environment names the files of mutual TLS,
    and a token: SALVER_TLS_CERTIFICATE, SALVER_TLS_KEY, SALVER_TLS_CLIENT_CA, SALVER_WORKER_TOKEN.

    Raises:
        RuntimeError: an argument is wrong, or the address cannot be used. Then nothing runs any more.
    """
    port = checked_int("master_port", master_port, 1, _HIGHEST_PORT)
    accept_workers(_accepting(f"{checked_str('ip', ip)}:{port}"))


@stop_on_failure
def start_servable(  # noqa: PLR0913, PLR0917 (the original's signature)
    servable_directory: str,
    servable_name: str,
    version_number: int = 0,
    device_type: str | None = None,
    device_id: int = 0,
    master_ip: str = "0.0.0.0",
    master_port: int = 6100,
    worker_ip: str = "0.0.0.0",
    worker_port: int = 6200,
) -> None:
    """Start one servable for a master elsewhere, and return once it is ready.

    The master need not be there yet, and may come and go: it is joined whenever it is there. It is the worker that
    connects, so nothing listens at `worker_ip` and `worker_port`. A master on another host is joined with mutual TLS
    and a token, as SALVER_TLS_CERTIFICATE, SALVER_TLS_KEY, SALVER_TLS_CA and SALVER_WORKER_TOKEN say.

    Raises:
        RuntimeError: an argument is wrong, or the servable cannot start. Then nothing runs any more.
    """
    directory = _from_here(servable_directory)
    servable = ServableStartConfig(directory, servable_name, device_id, version_number, device_type)
    port = checked_int("master_port", master_port, 1, _HIGHEST_PORT)
    host = checked_str("master_ip", master_ip)
    checked_str("worker_ip", worker_ip)
    checked_int("worker_port", worker_port, 1, _HIGHEST_PORT)
    # The default names no host; as an address to connect to it means this one.
    join_master(servable, _joining(f"{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"))


def set_context(**options: object) -> None:
    """Release 1.1's way to name a device by `device_type` and `device_id`, which are checked and of no use here.

    The functions that start a servable name its device anyway. Raises RuntimeError for anything else.
    """
    for name, value in options.items():
        if name == "device_type":
            checked_device("Ascend" if str(value).lower() == "davinci" else value)
        elif name == "device_id":
            checked_int(name, value, 0)
        else:
            raise RuntimeError(f"Not support context key '{name}'")


def _from_here(directory: str) -> str:
    """Relative directories begin at the current one, as they did in these releases."""
    if isinstance(directory, str) and directory:
        return str(Path(directory).absolute())
    return directory


def _accepting(target: str) -> Config:
    flags, environment = _secured("accept_workers", target, _OF_MASTER)
    try:
        return load(flags, environment)
    except Unusable as error:
        raise _unsafe(error, _OF_MASTER) from None


def _joining(target: str) -> WorkerConfig:
    flags, environment = _secured("join", target, (*_OF_WORKER, _PATIENCE))
    try:
        return load_worker(flags, environment)
    except Unusable as error:
        raise _unsafe(error, _OF_WORKER) from None


def _secured(setting: str, target: str, variables: Collection[str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The address as the setting says it, and what of the environment belongs to it: TLS is for other hosts."""
    plain = address(target).is_loopback
    wanted = {*_TOKEN, *(each for each in variables if not plain or each == _PATIENCE)}
    environment = {name: text for name, text in os.environ.items() if name in wanted}
    return {setting: target if plain else f"mtls:{target}"}, environment


def _unsafe(error: Unusable, files: Collection[str]) -> RuntimeError:
    names = ", ".join((*files, TOKEN_VARIABLE))
    return RuntimeError(f"{error.problem}\n  (here they are read from the environment: {names})")
