"""A client for MindSpore Serving's gRPC protocol, with the interface of ``mindspore_serving.client``.

One class takes both forms of the original: ``Client("localhost:5500", "add", "add_common")`` of releases
1.3 to 2.0 and ``Client("localhost", 5500, "add", "add_common")`` of releases 1.1 and 1.2. Texts of errors
are the original's, word by word, because callers compare them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast, overload

import grpc
import numpy as np
import numpy.typing as npt

from mindspore_serving.proto import ms_service_pb2 as pb
from mindspore_serving.proto.ms_service_pb2_grpc import MSServiceStub

Value: TypeAlias = npt.NDArray[Any] | np.number[Any] | str | bytes | bool | int | float
Instance: TypeAlias = Mapping[str, Value]
Instances: TypeAlias = Instance | Sequence[Instance]
Result: TypeAlias = list[dict[str, Any]] | dict[str, str]

_MAX_MESSAGE_BYTES = 512 * 1024 * 1024
_CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
]

_NUMPY_TYPES: dict[pb.DataType, np.dtype[Any]] = {
    pb.MS_BOOL: np.dtype(np.bool_),
    pb.MS_INT8: np.dtype(np.int8),
    pb.MS_UINT8: np.dtype(np.uint8),
    pb.MS_INT16: np.dtype(np.int16),
    pb.MS_UINT16: np.dtype(np.uint16),
    pb.MS_INT32: np.dtype(np.int32),
    pb.MS_UINT32: np.dtype(np.uint32),
    pb.MS_INT64: np.dtype(np.int64),
    pb.MS_UINT64: np.dtype(np.uint64),
    pb.MS_FLOAT16: np.dtype(np.float16),
    pb.MS_FLOAT32: np.dtype(np.float32),
    pb.MS_FLOAT64: np.dtype(np.float64),
}
_WIRE_TYPES = {dtype: code for code, dtype in _NUMPY_TYPES.items()}


class SSLConfig:
    """Paths of the PEM files for a connection over TLS.

    Args:
        certificate: the client's certificate chain, for servers that ask for one.
        private_key: the key of ``certificate``; both are given, or neither.
        custom_ca: the authorities that may have signed the server's certificate; ``None`` for those
            that gRPC trusts.

    Raises:
        RuntimeError: a path is not a str, or is empty.
    """

    def __init__(
        self, certificate: str | None = None, private_key: str | None = None, custom_ca: str | None = None
    ) -> None:
        paths = {"certificate": certificate, "private_key": private_key, "custom_ca": custom_ca}
        for name, path in paths.items():
            if path is not None:
                _check_name(name, path)
        self.certificate = certificate
        self.private_key = private_key
        self.custom_ca = custom_ca


class Client:
    """Calls one method of one servable.

    Args:
        address: ``host:port`` or ``unix:<path>``. In the older form two arguments: ``ip`` and ``port``,
            1 to 65535.
        servable_name: the servable to call.
        method_name: its method.
        version_number: its version; 0 for the highest that runs.
        ssl_config: how to connect over TLS; ``None`` for a connection without it.

    The first call connects. Calls have no time-out. A message may have up to 512 MiB in both directions.

    ``address``, ``servable_name``, ``method_name``, ``version_number``, ``channel`` (a ``grpc.Channel``)
    and ``stub`` (an ``MSServiceStub`` on it) are attributes.

    Raises:
        RuntimeError: an argument has a wrong type or value.
        OSError: a file of ``ssl_config`` cannot be read.
    """

    @overload
    def __init__(
        self,
        address: str,
        servable_name: str,
        method_name: str,
        version_number: int = 0,
        ssl_config: SSLConfig | None = None,
    ) -> None: ...

    @overload
    def __init__(self, ip: str, port: int, servable_name: str, method_name: str, version_number: int = 0) -> None: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        form = _by_port if _has_port(args, kwargs) else _by_address
        target = form(*args, **kwargs)
        self.address = target.address
        self.servable_name = target.servable_name
        self.method_name = target.method_name
        self.version_number = target.version_number
        self.channel = _connect(target.address, target.ssl_config)
        self.stub = MSServiceStub(self.channel)

    def infer(self, instances: Instances) -> Result:
        """Calls the method with one or more instances and waits for the answer.

        Args:
            instances: one dict, or a list or tuple of dicts, from input name to value. Values are numpy
                arrays, sent with their shape; numpy numbers, of shape ``()``; and Python's bool, int (sent
                as int64), float (float64), str and bytes, of shape ``(1,)``.

        Returns:
            A list with one dict per instance, in their order, also for a single instance: from output name
            to value, or ``{"error": text}`` where this instance failed. Outputs are read-only numpy arrays,
            ``()`` in shape for a scalar; str; bytes; or lists of str or bytes.
            One dict ``{"error": text}`` where the whole request failed. A failure on the way to the server
            has the text ``Grpc Error, (<number>, '<name>'), <details>``, and is printed.

        Raises:
            RuntimeError: an instance cannot be sent, or the reply cannot be understood.
        """
        request = self._request(instances)
        try:
            reply = self.stub.Predict(request)
        except grpc.RpcError as error:
            return _report(error)
        return _result(reply)

    def infer_async(self, instances: Instances) -> ClientGrpcAsyncResult | ClientGrpcAsyncError:
        """Starts the call that `infer` makes, and returns at once; ``result()`` of what it returns waits.

        Raises:
            RuntimeError: an instance cannot be sent.
        """
        request = self._request(instances)
        try:
            return ClientGrpcAsyncResult(self.stub.Predict.future(request))
        except grpc.RpcError as error:
            return ClientGrpcAsyncError(_report(error))

    def _request(self, instances: Instances) -> pb.PredictRequest:
        spec = pb.ServableSpec(
            name=self.servable_name, method_name=self.method_name, version_number=self.version_number
        )
        request = pb.PredictRequest(servable_spec=spec)
        for instance in _listed(instances):
            _put_instance(request.instances.add(), instance)
        return request


class ClientGrpcAsyncResult:
    """A call under way; ``result_future`` is its ``grpc.Future``."""

    def __init__(self, result_future: grpc.Future[pb.PredictReply]) -> None:
        self.result_future = result_future

    def result(self) -> Result:
        """Waits for the answer and returns it as `Client.infer` does.

        Raises:
            grpc.RpcError: the call failed on the way; this is not turned into a dict.
            RuntimeError: the reply cannot be understood.
        """
        return _result(self.result_future.result())


class ClientGrpcAsyncError:
    """A call that could not be sent; ``result_error`` is the dict that `result` returns."""

    def __init__(self, result_error: dict[str, str]) -> None:
        self.result_error = result_error

    def result(self) -> dict[str, str]:
        """Returns ``{"error": text}``, with the text that `Client.infer` describes."""
        return self.result_error


@dataclass(frozen=True, slots=True)
class _Target:
    address: str
    servable_name: str
    method_name: str
    version_number: int
    ssl_config: SSLConfig | None


def _by_address(
    address: str,
    servable_name: str,
    method_name: str,
    version_number: int = 0,
    ssl_config: SSLConfig | None = None,
) -> _Target:
    _check_name("address", address)
    return _target(address, servable_name, method_name, version_number, ssl_config)


def _by_port(ip: str, port: int, servable_name: str, method_name: str, version_number: int = 0) -> _Target:
    _check_name("ip", ip)
    _check_int("port", port)
    if not 1 <= port <= 65535:
        raise RuntimeError("Parameter 'port' should be in range [1,65535]")
    return _target(f"{ip}:{port}", servable_name, method_name, version_number, None)


def _target(
    address: str, servable_name: str, method_name: str, version_number: int, ssl_config: SSLConfig | None
) -> _Target:
    _check_name("servable_name", servable_name)
    _check_name("method_name", method_name)
    _check_int("version_number", version_number)
    if version_number < 0:
        raise RuntimeError("Parameter 'version_number' should be >= 0")
    if ssl_config is not None and not isinstance(ssl_config, SSLConfig):
        raise RuntimeError("The type of ssl_config should be type of SSLConfig")
    return _Target(address, servable_name, method_name, version_number, ssl_config)


_PORT_FORM = inspect.signature(_by_port)


def _has_port(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    # The fourth argument tells: a method's name in this form, a version's number in the other.
    if not kwargs.keys().isdisjoint({"ip", "port"}):
        return True
    try:
        bound = _PORT_FORM.bind(*args, **kwargs)
    except TypeError:
        return False
    return isinstance(bound.arguments["method_name"], str)


def _check_name(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise RuntimeError(f"Parameter '{name}' should be str, but actually {type(value)}")
    if not value:
        raise RuntimeError(f"Parameter '{name}' should not be empty str")


def _check_int(name: str, value: object) -> None:
    if not isinstance(value, int):
        raise RuntimeError(f"Parameter '{name}' should be int, but actually {type(value)}")


def _connect(address: str, ssl_config: SSLConfig | None) -> grpc.Channel:
    if ssl_config is None:
        return grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
    return grpc.secure_channel(address, _credentials(ssl_config), options=_CHANNEL_OPTIONS)


def _credentials(ssl_config: SSLConfig) -> grpc.ChannelCredentials:
    if (ssl_config.certificate is None) != (ssl_config.private_key is None):
        raise RuntimeError("The certificate and private_key should be passed at the same time")
    return grpc.ssl_channel_credentials(
        root_certificates=_read(ssl_config.custom_ca),
        private_key=_read(ssl_config.private_key),
        certificate_chain=_read(ssl_config.certificate),
    )


def _read(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def _listed(instances: Instances) -> Sequence[Instance]:
    match instances:
        case [*several]:  # str and bytes do not match
            return several
        case one:
            return [one]


def _put_instance(message: pb.Instance, instance: object) -> None:
    if not isinstance(instance, Mapping):
        raise RuntimeError("instance should be a map")
    for name, value in instance.items():
        if not isinstance(name, str):
            raise RuntimeError(f"The name of an instance's input should be str, but actually {type(name)}")
        _put_value(message.items[name], value)


def _put_value(tensor: pb.Tensor, value: object) -> None:
    match value:
        case np.ndarray() | np.number():  # before float: a np.float64 is one, too
            _put_array(tensor, value)
        case str():
            _put_bytes(tensor, pb.MS_STRING, value.encode())
        case bytes():
            _put_bytes(tensor, pb.MS_BYTES, value)
        case bool() | int() | float():
            _put_array(tensor, np.array((value,)))
        case _:
            raise RuntimeError(f"Not support value type {type(value)}")


def _put_array(tensor: pb.Tensor, array: npt.NDArray[Any] | np.number[Any]) -> None:
    if array.dtype not in _WIRE_TYPES:
        raise RuntimeError(f"Unknown data type {array.dtype}")
    tensor.dtype = _WIRE_TYPES[array.dtype]
    tensor.shape.dims.extend(array.shape)
    tensor.data = array.tobytes()


def _put_bytes(tensor: pb.Tensor, dtype: pb.DataType, value: bytes) -> None:
    tensor.dtype = dtype
    tensor.shape.dims.append(1)
    tensor.bytes_val.append(value)


def _result(reply: pb.PredictReply) -> Result:
    errors = reply.error_msg
    if len(errors) == 1 and errors[0].error_code != 0:
        return _failure(errors[0])
    if not errors:
        return [_outputs(instance) for instance in reply.instances]
    if len(errors) != len(reply.instances):
        raise RuntimeError(
            f"error msg result size {len(errors)} not be 0, 1 or length of instances {len(reply.instances)}"
        )
    return [
        _failure(error) if error.error_code != 0 else _outputs(instance)
        for instance, error in zip(reply.instances, errors, strict=True)
    ]


def _failure(error: pb.ErrorMsg) -> dict[str, str]:
    # A text that is not UTF-8 must not hide the failure it tells of.
    return {"error": error.error_msg.decode(errors="replace")}


def _outputs(instance: pb.Instance) -> dict[str, Any]:
    return {name: _output(name, tensor) for name, tensor in instance.items.items()}


def _output(name: str, tensor: pb.Tensor) -> Any:
    try:
        return _value(tensor)
    except ValueError as error:
        raise RuntimeError(f"Output '{name}' of the server's reply cannot be read: {error}") from error


def _value(tensor: pb.Tensor) -> Any:
    if tensor.dtype == pb.MS_STRING:
        return _one_or_all([item.decode() for item in tensor.bytes_val])
    if tensor.dtype == pb.MS_BYTES:
        return _one_or_all(list(tensor.bytes_val))
    if tensor.dtype not in _NUMPY_TYPES:
        raise ValueError(f"unknown data type {tensor.dtype}")
    return np.frombuffer(tensor.data, _NUMPY_TYPES[tensor.dtype]).reshape(tuple(tensor.shape.dims))


def _one_or_all(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _report(error: grpc.RpcError) -> dict[str, str]:
    # The original prints these three lines, and scripts' users look for them.
    call = cast("grpc.Call", error)  # what a stub raises is both
    code, details = call.code(), call.details()
    print(details)
    print(code.name)
    print(code.value)
    return {"error": f"Grpc Error, {code.value}, {details}"}
