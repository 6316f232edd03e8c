# ruff: noqa: N802 (the names are the generated code's)
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio

from mindspore_serving.proto.ms_service_pb2 import PredictReply, PredictRequest

class MSServiceStub:
    Predict: grpc.UnaryUnaryMultiCallable[PredictRequest, PredictReply]
    def __init__(self, channel: grpc.Channel) -> None: ...

class MSServiceServicer:
    def Predict(self, request: PredictRequest, context: grpc.ServicerContext) -> PredictReply: ...

def add_MSServiceServicer_to_server(servicer: MSServiceServicer, server: grpc.Server | grpc.aio.Server) -> None: ...

class MSService:
    @staticmethod
    def Predict(
        request: PredictRequest,
        target: str,
        options: Sequence[tuple[str, Any]] = (),
        channel_credentials: grpc.ChannelCredentials | None = None,
        call_credentials: grpc.CallCredentials | None = None,
        insecure: bool = False,
        compression: grpc.Compression | None = None,
        wait_for_ready: bool | None = None,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str | bytes]] | None = None,
    ) -> PredictReply: ...
