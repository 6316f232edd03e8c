"""Servers for the client to call: one that gives a prepared answer, one that serves `add` and `resnet50`."""

# ruff: noqa: N802 (the protocol names the method)

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import grpc
import numpy as np

from mindspore_serving.proto import ms_service_pb2 as pb
from mindspore_serving.proto import ms_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPTIONS = [("grpc.max_receive_message_length", 1 << 20), ("grpc.so_reuseport", 0)]


@contextmanager
def serving(
    servicer: pb_grpc.MSServiceServicer,
    address: str = "127.0.0.1:0",
    credentials: grpc.ServerCredentials | None = None,
) -> Iterator[str]:
    """Yields the address to call, with ``localhost`` for a TCP address."""
    server = grpc.server(ThreadPoolExecutor(4), options=OPTIONS)
    pb_grpc.add_MSServiceServicer_to_server(servicer, server)
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    try:
        yield address if address.startswith("unix:") else f"localhost:{port}"
    finally:
        server.stop(None).wait(10)


class Prepared(pb_grpc.MSServiceServicer):
    """Keeps every request and answers each with `reply`, or with the gRPC status `failure`."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: list[pb.PredictRequest] = []
        self.reply = pb.PredictReply()
        self.failure: tuple[grpc.StatusCode, str] | None = None

    def Predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictReply:
        self.requests.append(request)
        if self.failure is not None:
            _abort(context, *self.failure)
        return self.reply


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, details: str) -> NoReturn:
    context.abort(code, details)
    raise AssertionError("abort raises")


class Kitchen(pb_grpc.MSServiceServicer):
    """The servables of the tutorials: `add` (two 2x2 float32) and `resnet50` (here: an image's own text)."""

    def Predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictReply:
        spec = request.servable_spec
        method = METHODS[spec.name, spec.method_name]
        return pb.PredictReply(servable_spec=spec, instances=map(method, request.instances))


def _add(instance: pb.Instance) -> pb.Instance:
    x1, x2 = (instance.items[name] for name in ("x1", "x2"))
    y = np.frombuffer(x1.data, np.float32) + np.frombuffer(x2.data, np.float32)
    return pb.Instance(items={"y": pb.Tensor(shape=x1.shape, dtype=pb.MS_FLOAT32, data=y.tobytes())})


def _classify(instance: pb.Instance) -> pb.Instance:
    label = b"label of " + instance.items["image"].bytes_val[0]
    return pb.Instance(items={"label": pb.Tensor(dtype=pb.MS_STRING, bytes_val=[label])})


METHODS: dict[tuple[str, str], Callable[[pb.Instance], pb.Instance]] = {
    ("add", "add_common"): _add,
    ("resnet50", "classify_top1"): _classify,
}
