"""Servicers on `grpc.server`. Nothing in this script is salver's.

Usage: python blocking.py ADDRESS [PROCESSES]
"""

# mypy: disable-error-code="import-not-found,import-untyped", disallow-subclassing-any=False
# ruff: noqa: N802 - the methods' names in the protocol

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import numpy as np
import services_pb2
import services_pb2_grpc

from benchmarks import steps

THREADS = 10


class Calls(services_pb2_grpc.CallsServicer):
    def Empty(self, request: Any, context: grpc.ServicerContext) -> Any:
        return services_pb2.Nothing()

    def Echo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return services_pb2.Message(payload=request.payload, number=request.number)

    def Count(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        for number in range(request.messages):
            yield services_pb2.Message(payload=request.payload, number=number)

    def Chat(self, request_iterator: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        for request in request_iterator:
            yield services_pb2.Message(payload=request.payload, number=request.number)


class Faces(services_pb2_grpc.FacesServicer):
    def __init__(self) -> None:
        self._detector = steps.Detector()

    def Find(self, request: Any, context: grpc.ServicerContext) -> Any:
        pixels = steps.reduced(request.raw_data)
        return services_pb2.Box(sides=self._detector.boxes(pixels[np.newaxis])[0])


def serve(address: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS), options=[("grpc.so_reuseport", 1)])
    services_pb2_grpc.add_CallsServicer_to_server(Calls(), server)
    services_pb2_grpc.add_FacesServicer_to_server(Faces(), server)
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


def main() -> None:
    address, *processes = sys.argv[1:]
    if not processes:
        serve(address)
        return
    children = [multiprocessing.Process(target=serve, args=(address,), daemon=True) for _ in range(int(processes[0]))]
    for child in children:
        child.start()
    for child in children:
        child.join()


if __name__ == "__main__":
    main()
