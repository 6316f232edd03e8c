"""Starting and stopping the server of a process: `start_servables`, `start_grpc_server`, `stop`."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec

from salver.authoring.mindspore.arguments import checked_bool, checked_int, checked_str
from salver.config.settings import Config, Speaks, WorkerConfig
from salver.problems import Unusable
from salver.repository.scan import Kind, Refused, VersionFolder
from salver.repository.settings import ServableSettings
from salver.server.mindspore.addresses import checked_grpc_address, checked_rest_address, make_room
from salver.server.mindspore.config import Deployment, ServableStartConfig, SSLConfig, deployments
from salver.server.mindspore.process_server import ProcessServer
from salver.workers.post import died

P = ParamSpec("P")

_LARGEST_MESSAGE_MIB = 512
_MOST_CALLS = 2**31 - 1

_only = ProcessServer()


def stop() -> None:
    """End the servers and the servables. All of them may be started again."""
    _only.stop()


def set_max_enqueued_requests(max_enqueued_requests: int) -> None:
    """Let servers that are started from now on refuse requests while they have so many, 10000 if nothing is said.

    Raises RuntimeError for anything else than a whole number from 1.
    """
    _only.max_calls = min(checked_int("max_enqueued_requests", max_enqueued_requests, 1), _MOST_CALLS)


def stop_on_failure(start: Callable[P, None]) -> Callable[P, None]:
    """Whatever goes wrong in `start`, Ctrl+C included, ends everything that was started before."""

    @functools.wraps(start)
    def started(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            start(*args, **kwargs)
        except BaseException:
            stop()
            raise

    return started


@stop_on_failure
def start_servables(
    servable_configs: ServableStartConfig | Sequence[ServableStartConfig], enable_lite: bool = False
) -> None:
    """Start servables, and wait until all their workers are ready.

    Args:
        servable_configs: one configuration, or several; those of one version of a servable are joined.
        enable_lite: taken for the sake of callers; what runs a model is found by its file.

    Raises:
        RuntimeError: an argument is wrong, or a worker cannot start. Then nothing runs any more.
    """
    checked_bool("enable_lite", enable_lite)
    started = deployments(_checked_configs(servable_configs))
    refused = _only.get().add([_folder(deployment) for deployment in started])
    if refused:
        raise _failed(started, refused)


@stop_on_failure
def start_grpc_server(address: str, max_msg_mb_size: int = 100, ssl_config: SSLConfig | None = None) -> None:
    """Serve over gRPC, and whatever else salver speaks, at `ip:port` or `unix:<path>`.

    Args:
        address: where to listen.
        max_msg_mb_size: the largest request in MiB, from 1 to 512.
        ssl_config: the server's certificate; plain connections without one.

    Raises:
        RuntimeError: an argument is wrong, the address cannot be used, or such a server runs already.
    """
    listen(GRPC, "Serving: Serving gRPC server start success, listening on ", address, max_msg_mb_size, ssl_config)


@stop_on_failure
def start_restful_server(address: str, max_msg_mb_size: int = 100, ssl_config: SSLConfig | None = None) -> None:
    """Serve over HTTP at `ip:port`, as MindSpore Serving does and nothing else.

    Args:
        address: where to listen.
        max_msg_mb_size: the largest request in MiB, from 1 to 512.
        ssl_config: the server's certificate; plain connections without one.

    Raises:
        RuntimeError: an argument is wrong, the address cannot be used, or such a server runs already.
    """
    listen(REST, "Serving: Serving RESTful server start success, listening on ", address, max_msg_mb_size, ssl_config)


@dataclass(frozen=True)
class Front:
    """A server that can be started beside the servables, and how its address is called in texts."""

    name: str
    speaks: Speaks
    checked: Callable[[str], str]
    failed: str


GRPC = Front("Serving gRPC server", "everything", checked_grpc_address, "create server failed, address {}")
REST = Front("RESTful server", "mindspore-rest", checked_rest_address, "bind to the socket address {} failed")


def listen(
    front: Front, announced: str, address: object, max_msg_mb_size: object, ssl_config: SSLConfig | None
) -> None:
    """Start a server, and say so on standard output, as scripts wait for it."""
    checked = front.checked(checked_str("address", address))
    largest = checked_int("max_msg_mb_size", max_msg_mb_size, 1, _LARGEST_MESSAGE_MIB)
    if ssl_config is not None and not isinstance(ssl_config, SSLConfig):
        raise RuntimeError("The type of ssl_config should be type of SSLConfig")
    server = _only.get()
    if front.name in server.listening:
        raise RuntimeError(f"Serving Error: {front.name} is already running")
    try:
        make_room(checked)
        config = replace(server.config, max_message_mib=largest, max_calls=_only.max_calls or server.config.max_calls)
        server.listen(checked, _tls(ssl_config), config, front.speaks)
    except (OSError, ValueError) as error:
        failed = f"Serving Error: {front.name} start failed, {front.failed.format(address)}"
        raise RuntimeError(f"{failed}: {(isinstance(error, OSError) and error.strerror) or error}") from None
    server.listening.add(front.name)
    print(announced + checked, flush=True)


def accept_workers(config: Config) -> None:
    """Start the master server, and say so on standard output. Raises RuntimeError."""
    server = _only.get()
    if server.master_address is not None:
        raise RuntimeError("Serving Error: Serving master server is already running")
    failed = f"Serving Error: Serving master server start failed, create server failed, address {config.accept_workers}"
    try:
        address = server.accept_workers(config)
    except OSError as error:
        raise RuntimeError(f"{failed}: {error.strerror or error}") from None
    except Unusable as error:
        raise RuntimeError(f"{failed}: {error.problem}") from None
    print(f"Serving master start success, listening on {address.target}", flush=True)


def join_master(servable: ServableStartConfig, config: WorkerConfig) -> None:
    """Start a servable for a master elsewhere, and say so on standard output. Raises RuntimeError."""
    [started] = deployments([servable])
    try:
        _only.get().join(config, _folder(started))
    except Unusable as error:
        refused = Refused(started.name, started.version, error.problem)
        raise _failed([started], [refused]) from None
    name = f"servable {started.name}, version {started.version}"
    print(f"Serving worker start success, {name}, master {config.join}", flush=True)


def _checked_configs(
    configs: ServableStartConfig | Iterable[ServableStartConfig],
) -> list[ServableStartConfig]:
    several = list(configs) if isinstance(configs, list | tuple) else [configs]
    for config in several:
        if not isinstance(config, ServableStartConfig):
            expected = "ServableStartConfig or tuple/list of ServableStartConfig"
            raise RuntimeError(f"Parameter 'servable_configs' should be {expected}, but actually {type(config)}")
    if not several:
        raise RuntimeError("Parameter 'servable_configs' should not be empty")
    return [config for config in several if isinstance(config, ServableStartConfig)]


def _folder(deployment: Deployment) -> VersionFolder:
    return VersionFolder(
        servable=deployment.name,
        version=deployment.version,
        artefact=deployment.file,
        settings=ServableSettings(workers=deployment.workers),
        kind=Kind.SERVABLE_CONFIG,
        folder=deployment.folder,
        device_ids=deployment.device_ids,
        secret=deployment.secret,
        logs=_only.get().logs,
    )


def _failed(started: Sequence[Deployment], refused: Sequence[Refused]) -> RuntimeError:
    devices = {(each.name, each.version): each.device_ids for each in started}
    texts = ", ".join(_failure(each, devices[each.servable, each.version or 0]) for each in refused)
    why = " because of death of one worker" if any(died(each.problem) for each in refused) else ""
    return RuntimeError(f"Fail to start workers{why}: {texts}")


def _failure(refused: Refused, device_ids: Sequence[int]) -> str:
    if device_ids:
        worker = f"servable name:{refused.servable}, device id:{device_ids[0]}"
    else:
        worker = f"servable:{refused.servable}, version:{refused.version}, extra:0"
    return f"{{{worker}, <{refused.problem.what}; {refused.problem.remedy}>}}"


def _tls(ssl_config: SSLConfig | None) -> tuple[str, str, str | None] | None:
    if ssl_config is None:
        return None
    authority = ssl_config.custom_ca if ssl_config.verify_client else None
    return ssl_config.certificate, ssl_config.private_key, authority
