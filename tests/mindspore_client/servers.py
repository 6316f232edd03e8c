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
INVALID_INPUTS = 2


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
        method = METHODS.get((spec.name, spec.method_name))
        reply = pb.PredictReply(servable_spec=spec)
        if method is None:
            text = f"Request servable({spec.name}) method({spec.method_name}) , method is not available"
            reply.error_msg.add(error_code=INVALID_INPUTS, error_msg=text.encode())
        else:
            _answer(reply, [method(instance) for instance in request.instances])
        return reply


def _answer(reply: pb.PredictReply, outcomes: list[pb.Instance | pb.ErrorMsg]) -> None:
    reply.instances.extend(each if isinstance(each, pb.Instance) else pb.Instance() for each in outcomes)
    errors = [each if isinstance(each, pb.ErrorMsg) else pb.ErrorMsg() for each in outcomes]
    if any(error.error_code for error in errors):
        reply.error_msg.extend(errors)


def _add(instance: pb.Instance) -> pb.Instance | pb.ErrorMsg:
    tensors = [instance.items["x1"], instance.items["x2"]]
    if any(tensor.dtype != pb.MS_FLOAT32 for tensor in tensors):
        text = b"Given model input 1 data type kMSI_Int32 not match the data type kMSI_Float32 defined in model"
        return pb.ErrorMsg(error_code=INVALID_INPUTS, error_msg=text)
    x1, x2 = (np.frombuffer(tensor.data, np.float32) for tensor in tensors)
    y = pb.Tensor(shape=tensors[0].shape, dtype=pb.MS_FLOAT32, data=(x1 + x2).tobytes())
    return pb.Instance(items={"y": y})


def _classify(instance: pb.Instance) -> pb.Instance:
    label = b"label of " + instance.items["image"].bytes_val[0]
    return pb.Instance(items={"label": pb.Tensor(dtype=pb.MS_STRING, bytes_val=[label])})


METHODS: dict[tuple[str, str], Callable[[pb.Instance], pb.Instance | pb.ErrorMsg]] = {
    ("add", "add_common"): _add,
    ("resnet50", "classify_top1"): _classify,
}
