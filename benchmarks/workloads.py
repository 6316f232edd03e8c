"""What is served and how it is called: the data that harness, tools and peers agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final, Literal

Protocol = Literal["grpc", "http"]

PROTOCOLS: Final[tuple[Protocol, ...]] = ("grpc", "http")
CONCURRENCIES: Final = (1, 16, 64)


@dataclass(frozen=True)
class Tensor:
    """A named float32 tensor of one request, with the shape it has on the wire."""

    name: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class Workload:
    """One model. When `batched`, dimension 0 is free and servers may run requests together."""

    name: str
    title: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    batched: bool
    requests: Mapping[int, float]
    """Requests at each concurrency, as a share of `--requests`."""

    def requests_at(self, concurrency: int, requests: int) -> int:
        """How many requests one run of the load sends, at least one for each that may be in flight."""
        return max(concurrency, int(requests * self.requests[concurrency]))


WORKLOADS: Final = {
    workload.name: workload
    for workload in (
        Workload(
            "add",
            "y = x1 + x2, two float32 2x2",
            (Tensor("x1", (1, 2, 2)), Tensor("x2", (1, 2, 2))),
            Tensor("y", (1, 2, 2)),
            batched=True,
            requests={1: 0.1, 16: 0.5, 64: 1.0},
        ),
        Workload(
            "mlp",
            "float32 perceptron 784-128-10 (ONNX, ONNX Runtime everywhere), one row a request",
            (Tensor("x", (1, 784)),),
            Tensor("y", (1, 10)),
            batched=True,
            requests={1: 0.1, 16: 0.5, 64: 1.0},
        ),
        Workload(
            "tensor",
            "y = -x, 602 112 bytes in and 602 112 bytes out (float32 1x3x224x224)",
            (Tensor("x", (1, 3, 224, 224)),),
            Tensor("y", (1, 3, 224, 224)),
            batched=False,
            requests={1: 0.01, 16: 0.04, 64: 0.04},
        ),
    )
}
