"""The synchronous client: arrays in, arrays out, over KServe V2 on gRPC."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt

from salver.client import messages
from salver.client.arrays import Array, decoded, encoded
from salver.client.endpoint import Endpoint, File, endpoint
from salver.client.errors import Unavailable, from_status
from salver.client.readiness import RECONNECT, Progress, wait
from salver.client.retry import ONCE, Attempts, Retry

_MESSAGE_BYTES = 512 * 1024**2


@dataclass(frozen=True)
class TensorMetadata:
    """`shape` has -1 where any length is taken, first of all for the number of rows."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Metadata:
    """What a server says about one method."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


class Client:
    """A connection to one server, to be closed, or used in `with`; any number of threads may use it.

    The address is as a server prints it: `host:port` or `unix:path`, after `tls:` if it has a certificate. `ca` names
    the authority of the server's certificate, `certificate` and `key` your own where it demands one: PEM files.
    With `retry` calls that the server is unavailable for are tried again. Raises the errors of
    `salver.client.errors`; `timeout` is in seconds, for all attempts together, and None waits for ever.
    """

    def __init__(
        self,
        address: str,
        *,
        ca: File | None = None,
        certificate: File | None = None,
        key: File | None = None,
        retry: Retry | None = None,
    ) -> None:
        self._channel = _channel(endpoint(address, ca, certificate, key))
        self._retry = retry or ONCE

    def infer(
        self,
        servable: str,
        inputs: Mapping[str, npt.ArrayLike],
        *,
        method: str | None = None,
        version: int | None = None,
        timeout: float | None = None,
        idempotent: bool = True,
    ) -> dict[str, Array]:
        """Call a method, the default one if none is named, of the latest version if none is named.

        One that is not `idempotent`, because to run it twice is not the same as once, is never tried again.
        """
        request = messages.ModelInferRequest(model_name=_name(servable, method), model_version=_text(version))
        for name, value in inputs.items():
            array = np.asarray(value)
            datatype, raw = encoded(name, array)
            request.inputs.add(name=name, datatype=datatype, shape=array.shape)
            request.raw_input_contents.append(raw)
        retry = self._retry if idempotent else ONCE
        reply = self._call("ModelInfer", request, messages.ModelInferResponse, timeout, retry)
        pairs = zip(reply.outputs, reply.raw_output_contents, strict=True)
        return {each.name: decoded(each.name, each.datatype, tuple(each.shape), raw) for each, raw in pairs}

    def metadata(
        self, servable: str, *, method: str | None = None, version: int | None = None, timeout: float | None = None
    ) -> Metadata:
        """The inputs and outputs of a method."""
        request = messages.ModelMetadataRequest(name=_name(servable, method), version=_text(version))
        reply = self._call("ModelMetadata", request, messages.ModelMetadataResponse, timeout, self._retry)
        return Metadata(
            reply.name, tuple(reply.versions), reply.platform, _tensors(reply.inputs), _tensors(reply.outputs)
        )

    def is_ready(self, timeout: float | None = None) -> bool:
        """Whether the server answers calls; raises Unavailable where there is none."""
        reply = self._call("ServerReady", messages.ServerReadyRequest(), messages.ServerReadyResponse, timeout)
        return bool(reply.ready)

    def health(self, servable: str = "", timeout: float | None = None) -> str:
        """SERVING or NOT_SERVING by the standard health service, for the server or one servable."""
        request = messages.HealthCheckRequest(service=servable)
        reply = self._call_method("/grpc.health.v1.Health/Check", request, messages.HealthCheckResponse, timeout)
        status: str = type(reply).ServingStatus.Name(reply.status)
        return status

    def wait_until_ready(self, timeout: float, progress: Progress | None = None) -> None:
        """Return once the server answers calls. Raises Unavailable when the time is up.

        `progress` is told for how many seconds it has been waited for, and why it is not ready yet.
        """
        wait(self._why_not_ready, timeout, progress)

    def close(self) -> None:
        """End the connection; calls that are under way fail."""
        self._channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _why_not_ready(self, timeout: float) -> str | None:
        try:
            return None if self.is_ready(timeout) else "it does not answer calls yet"
        except Unavailable as error:
            return str(error)

    def _call(self, rpc: str, request: Any, reply: Any, timeout: float | None, retry: Retry = ONCE) -> Any:
        return self._call_method(f"/inference.GRPCInferenceService/{rpc}", request, reply, timeout, retry)

    def _call_method(self, path: str, request: Any, reply: Any, timeout: float | None, retry: Retry = ONCE) -> Any:
        call = self._channel.unary_unary(
            path, request_serializer=type(request).SerializeToString, response_deserializer=reply.FromString
        )
        try:
            return Attempts(retry, timeout).run(lambda left: call(request, timeout=left))
        except grpc.RpcError as error:
            raise from_status(error.code().name, error.details() or "", error.trailing_metadata()) from None


def _channel(server: Endpoint) -> grpc.Channel:
    options: list[tuple[str, int | str]] = [
        ("grpc.max_send_message_length", _MESSAGE_BYTES),
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
        # Another server at the same address must not be answered for by an old connection.
        ("grpc.use_local_subchannel_pool", 1),
        *RECONNECT,
    ]
    if not server.secure:
        return grpc.insecure_channel(server.target, options)
    if server.unix_path is not None:
        options.append(("grpc.default_authority", server.host))
    parts = [path.read_bytes() if path else None for path in (server.ca, server.key, server.certificate)]
    return grpc.secure_channel(server.target, grpc.ssl_channel_credentials(*parts), options)


def _name(servable: str, method: str | None) -> str:
    return servable if method is None else f"{servable}.{method}"


def _text(version: int | None) -> str:
    return "" if version is None else str(version)


def _tensors(described: Any) -> tuple[TensorMetadata, ...]:
    return tuple(TensorMetadata(each.name, each.datatype, tuple(each.shape)) for each in described)
