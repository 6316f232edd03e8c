"""What is served and how it is called: the data that harness, tools and peers agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final, Literal

Protocol = Literal["grpc", "http"]
DType = Literal["float32", "int64", "bytes"]

PROTOCOLS: Final[tuple[Protocol, ...]] = ("grpc", "http")
CONCURRENCIES: Final = (1, 16, 64)
STREAMED: Final = 100
"""Messages of a stream."""


@dataclass(frozen=True)
class Tensor:
    """A named tensor of one request, with the shape it has on the wire; elements of `bytes` are files or text."""

    name: str
    shape: tuple[int, ...]
    dtype: DType = "float32"

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class Workload:
    """One task. When `batched`, dimension 0 is free and servers may run requests together."""

    name: str
    title: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    batched: bool
    requests: Mapping[int, float]
    """Requests at each concurrency that it is asked at, as a share of `--requests`; none if it is asked otherwise."""
    model: str | None
    """The ONNX model that it takes, None if it takes none."""

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
            model="add",
        ),
        Workload(
            "mlp",
            "float32 perceptron 784-128-10 (ONNX, ONNX Runtime everywhere), one row a request",
            (Tensor("x", (1, 784)),),
            Tensor("y", (1, 10)),
            batched=True,
            requests={1: 0.1, 16: 0.5, 64: 1.0},
            model="mlp",
        ),
        Workload(
            "tensor",
            "y = -x, 602 112 bytes in and 602 112 bytes out (float32 1x3x224x224)",
            (Tensor("x", (1, 3, 224, 224)),),
            Tensor("y", (1, 3, 224, 224)),
            batched=False,
            requests={1: 0.01, 16: 0.04, 64: 0.04},
            model="tensor",
        ),
        Workload(
            "lookup",
            "the mean of 16 rows of an embedding table of 64 MB (ONNX): quickly run, not quickly loaded",
            (Tensor("ids", (1, 16), "int64"),),
            Tensor("y", (1, 64)),
            batched=True,
            requests={},
            model="lookup",
        ),
        Workload(
            "chain",
            "a row is scaled in Python, goes through the perceptron of `mlp`, and is labelled in Python",
            (Tensor("x", (1, 784)),),
            Tensor("output", (1,), "int64"),
            batched=True,
            requests={1: 0.05, 16: 0.25, 64: 0.5},
            model="mlp",
        ),
        Workload(
            "image",
            "a JPEG of 224x224 pixels in, a label out: Pillow decodes it, a convolutional network (ONNX, "
            "ONNX Runtime everywhere) classifies it, Python names the class",
            (Tensor("image", (1,), "bytes"),),
            Tensor("output", (1,), "bytes"),
            batched=True,
            requests={1: 0.01, 16: 0.04, 64: 0.04},
            model="image",
        ),
        Workload(
            "rows",
            "the edit distance of two rows of 80 numbers in plain Python, about 1 ms each, by a function that takes "
            "row by row; the server's processes and the load share both cores",
            (Tensor("pair", (1, 2, 80), "int64"),),
            Tensor("output", (1,), "int64"),
            batched=True,
            requests={1: 0.01, 16: 0.05, 64: 0.05},
            model=None,
        ),
        Workload(
            "instances",
            "the same edit distances by a function of MindSpore Serving's `servable_config.py`, 32 instances in each "
            "request, so that hardly anything but the function takes time; server and load share both cores",
            (Tensor("pair", (32, 2, 80), "int64"),),
            Tensor("output", (32,), "int64"),
            batched=True,
            requests={16: 0.003},
            model=None,
        ),
        Workload(
            "empty",
            "an empty message in, an empty message out: a servicer's unary call",
            (),
            Tensor("reply", (1,), "bytes"),
            batched=False,
            requests={1: 0.1, 16: 0.5, 64: 1.0},
            model=None,
        ),
        Workload(
            "echo",
            "1 KB in, the same out: a servicer's unary call",
            (Tensor("payload", (1,), "bytes"),),
            Tensor("reply", (1,), "bytes"),
            batched=False,
            requests={1: 0.1, 16: 0.5, 64: 1.0},
            model=None,
        ),
        Workload(
            "count",
            f"a servicer's stream of {STREAMED} messages of 64 bytes for one message; a request is a whole stream",
            (Tensor("payload", (1,), "bytes"),),
            Tensor("reply", (STREAMED,), "bytes"),
            batched=False,
            requests={1: 0.01, 16: 0.05, 64: 0.05},
            model=None,
        ),
        Workload(
            "chat",
            f"{STREAMED} messages of 64 bytes in, each of them answered: a servicer's streams both ways, the caller's "
            "sent without waiting; a request is a whole stream",
            (Tensor("payload", (STREAMED,), "bytes"),),
            Tensor("reply", (STREAMED,), "bytes"),
            batched=False,
            requests={1: 0.01, 16: 0.05, 64: 0.05},
            model=None,
        ),
        Workload(
            "processes",
            "the 1 KB echo by three processes that share a port by SO_REUSEPORT; they and the load share both cores",
            (Tensor("payload", (1,), "bytes"),),
            Tensor("reply", (1,), "bytes"),
            batched=False,
            requests={16: 0.5, 64: 1.0},
            model=None,
        ),
        Workload(
            "faces",
            "a JPEG of 224x224 pixels in, a box out: Pillow decodes it at a quarter of its size, a stub detector that "
            "takes 4 ms for a call, however many pictures are in it, finds the brightest spot",
            (Tensor("raw_data", (1,), "bytes"),),
            Tensor("sides", (1, 4)),
            batched=True,
            requests={1: 0.01, 16: 0.04, 64: 0.04},
            model=None,
        ),
    )
}
