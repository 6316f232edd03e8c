"""The model class that Triton's Python backend runs."""

# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import triton_python_backend_utils as triton

from benchmarks.peers.models import load
from benchmarks.workloads import WORKLOADS


class TritonPythonModel:
    """Runs what Triton's dynamic batcher hands over together as one batch."""

    def initialize(self, args: dict[str, str]) -> None:
        self._workload = WORKLOADS[json.loads(args["model_config"])["name"]]
        self._model = load(self._workload.name, Path(os.environ["BENCH_MODEL"]))

    def execute(self, requests: list[triton.InferenceRequest]) -> list[triton.InferenceResponse]:
        if len(requests) == 1 or not self._workload.batched:
            return [self._answer(self._model(self._inputs(request))) for request in requests]
        columns = zip(*map(self._inputs, requests), strict=True)
        result = self._model([np.concatenate(column) for column in columns])
        return [self._answer(result[row : row + 1]) for row in range(len(requests))]

    def _inputs(self, request: triton.InferenceRequest) -> list[np.ndarray]:
        return [triton.get_input_tensor_by_name(request, t.name).as_numpy() for t in self._workload.inputs]

    def _answer(self, result: np.ndarray) -> triton.InferenceResponse:
        return triton.InferenceResponse([triton.Tensor("y", result)])
