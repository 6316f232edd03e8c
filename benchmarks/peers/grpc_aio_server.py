"""A KServe server written by hand on grpc.aio."""

# mypy: disable-error-code="import-not-found,import-untyped", disallow-subclassing-any=False

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import kserve_pb2
import kserve_pb2_grpc

from benchmarks.peers.models import Model, Start, load, parse_start
from benchmarks.raw import DATATYPES, from_raw, to_raw
from benchmarks.workloads import Tensor


class Inference(kserve_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers each request by itself, on the event loop: there is one core."""

    def __init__(self, model: Model, output: Tensor) -> None:
        self._model = model
        self._output = output

    async def ModelInfer(  # noqa: N802 - the method's name in the protocol
        self, request: kserve_pb2.ModelInferRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> kserve_pb2.ModelInferResponse:
        arrays = [
            from_raw(raw, described.datatype, described.shape)
            for described, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        ]
        result = self._model(arrays)
        answer = kserve_pb2.ModelInferResponse(model_name=request.model_name, model_version="1")
        answer.outputs.add(name=self._output.name, datatype=DATATYPES[self._output.dtype], shape=result.shape)
        answer.raw_output_contents.append(to_raw(result))
        return answer


async def serve(start: Start) -> None:
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(options=unlimited)
    servicer = Inference(load(start.workload.name, start.model), start.workload.output)
    kserve_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{start.grpc_port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(parse_start()))
