"""What every peer runs: one function from a batch to a batch, the same for all of them."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks import steps
from benchmarks.raw import Array, objects
from benchmarks.workloads import WORKLOADS, Workload

Model: TypeAlias = Callable[[Sequence[Array]], Array]


@dataclass(frozen=True)
class Start:
    """What a peer is told on its command line."""

    workload: Workload
    model: Path
    grpc_port: int
    http_port: int


def parse_start() -> Start:
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("model", type=Path, help="the ONNX file")
    parser.add_argument("grpc_port", type=int)
    parser.add_argument("http_port", type=int)
    given = parser.parse_args()
    return Start(WORKLOADS[given.workload], given.model, given.grpc_port, given.http_port)


def load(workload: str, model: Path) -> Model:
    """The model as Python users run it: numpy for arithmetic, ONNX Runtime on one thread for the network."""
    if workload == "add":
        return lambda inputs: inputs[0] + inputs[1]
    if workload == "tensor":
        return lambda inputs: -inputs[0]
    run = _onnx_model(model)
    if workload == "chain":
        return lambda inputs: run([steps.scaled(inputs[0])]).argmax(axis=1)
    if workload == "image":
        return lambda inputs: _named(run([np.stack([steps.decoded(jpeg) for jpeg in inputs[0]])]))
    return run


def _onnx_model(path: Path) -> Model:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(inputs: Sequence[Array]) -> Array:
        answer: Array = session.run(["y"], {"x": inputs[0]})[0]
        return answer

    return run


def _named(scores: Array) -> Array:
    """The name of each row's class, as bytes."""
    return objects([steps.name(row).encode() for row in scores])


def split(workload: Workload, floats: Array) -> list[Array]:
    """Rows of bare floats, all inputs of a request behind one another, as one array for each input."""
    parts = []
    start = 0
    for tensor in workload.inputs:
        columns = floats[:, start : start + tensor.elements]
        parts.append(columns.reshape(-1, *tensor.shape[1:]))
        start += tensor.elements
    return parts
