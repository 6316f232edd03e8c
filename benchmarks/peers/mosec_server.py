"""A mosec server whose bodies are bare bytes. Its worker processes import this module anew."""

# mypy: disable-error-code="import-not-found,import-untyped", disallow-subclassing-any=False, warn-unused-ignores=False

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import numpy as np
from mosec import Server, Worker

from benchmarks.peers.models import load, parse_start, split
from benchmarks.raw import Array, objects
from benchmarks.workloads import WORKLOADS

BATCH: Final = 16
WAIT_MS: Final = 1
IMAGES: Final = 2


class Inference(Worker):
    """Runs a batch: one row for each request."""

    def __init__(self) -> None:
        super().__init__()
        self._workload = WORKLOADS[os.environ["BENCH_WORKLOAD"]]
        self._model = load(self._workload.name, Path(os.environ["BENCH_MODEL"]))

    def deserialize(self, data: bytes) -> Array:
        return np.frombuffer(data, np.float32)

    def serialize(self, data: Array) -> bytes:
        return data.tobytes()

    def forward(self, data: list[Array]) -> list[Array]:
        return list(self._model(split(self._workload, np.stack(data))))


class SingleInference(Inference):
    """The same without batches, where mosec hands over one request by itself."""

    def forward(self, data: Array) -> Array:  # type: ignore[override]
        return self._model(split(self._workload, data[np.newaxis]))


class Classification(Inference):
    """Decodes and classifies in one worker: pixels are too large to be handed from worker to worker."""

    def deserialize(self, data: bytes) -> bytes:  # type: ignore[override]
        return data

    def serialize(self, data: bytes) -> bytes:  # type: ignore[override]
        return data

    def forward(self, data: list[bytes]) -> list[bytes]:  # type: ignore[override]
        return list(self._model([objects(data)]))


def main() -> None:
    start = parse_start()
    os.environ["BENCH_WORKLOAD"] = start.workload.name
    os.environ["BENCH_MODEL"] = str(start.model)
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", str(start.http_port), "--log-level", "warning"]
    server = Server()
    if start.workload.name == "image":
        server.append_worker(Classification, num=1, max_batch_size=IMAGES, max_wait_time=WAIT_MS)
    elif start.workload.batched:
        server.append_worker(Inference, num=1, max_batch_size=BATCH, max_wait_time=WAIT_MS)
    else:
        server.append_worker(SingleInference, num=1)
    server.run()


if __name__ == "__main__":
    main()
