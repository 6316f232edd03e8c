"""The same servicer on `grpc.aio.server`. Nothing in this script is salver's.

Usage: python looped.py ADDRESS
"""

# mypy: disable-error-code="import-not-found,import-untyped", disallow-subclassing-any=False
# ruff: noqa: N802 - the methods' names in the protocol

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import services_pb2
import services_pb2_grpc


class Calls(services_pb2_grpc.CallsServicer):
    async def Empty(self, request: Any, context: Any) -> Any:
        return services_pb2.Nothing()

    async def Echo(self, request: Any, context: Any) -> Any:
        return services_pb2.Message(payload=request.payload, number=request.number)

    async def Count(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for number in range(request.messages):
            yield services_pb2.Message(payload=request.payload, number=number)

    async def Chat(self, request_iterator: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in request_iterator:
            yield services_pb2.Message(payload=request.payload, number=request.number)


async def serve(address: str) -> None:
    server = grpc.aio.server()
    services_pb2_grpc.add_CallsServicer_to_server(Calls(), server)
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
