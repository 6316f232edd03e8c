"""The servers that are compared, as data: what they need, how they start, which form they are asked in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.workloads import Protocol

KSERVE_HTTP: Final = {"add": "kserve-json", "mlp": "kserve-binary", "tensor": "kserve-binary"}
KSERVE_GRPC: Final = dict.fromkeys(("add", "mlp", "tensor"), "kserve-grpc")


@dataclass(frozen=True)
class Server:
    """A server under test. `module` starts it inside its environment; salver is started by its own command."""

    name: str
    title: str
    setting: str
    requirements: tuple[str, ...]
    shown_versions: tuple[str, ...]
    forms: Mapping[Protocol, Mapping[str, str]]
    """For each protocol it speaks, the form (see tools/forms.py) in which each workload is asked."""
    module: str = ""


SERVERS: Final = {
    server.name: server
    for server in (
        Server(
            "salver",
            "salver",
            "`salver serve DIR --listen ADDR`, no other setting",
            requirements=(),
            shown_versions=("salver", "onnxruntime", "numpy"),
            forms={"grpc": KSERVE_GRPC, "http": KSERVE_HTTP},
        ),
        Server(
            "triton",
            "Triton, Python backend",
            "the server and Python backend inside the `nvidia-pytriton` wheel, one CPU instance, "
            "dynamic batching up to 64 (not for `tensor`), metrics off",
            requirements=("nvidia-pytriton", "onnxruntime"),
            shown_versions=("nvidia-pytriton", "onnxruntime", "numpy"),
            forms={"grpc": KSERVE_GRPC, "http": KSERVE_HTTP},
            module="benchmarks.peers.triton_server",
        ),
        Server(
            "grpc_aio",
            "grpc.aio",
            "hand-written asyncio servicer, messages by protobuf's own generated code, request by request",
            requirements=("grpcio", "grpcio-tools", "numpy", "onnxruntime"),
            shown_versions=("grpcio", "protobuf", "onnxruntime", "numpy"),
            forms={"grpc": KSERVE_GRPC},
            module="benchmarks.peers.grpc_aio_server",
        ),
        Server(
            "mosec",
            "mosec",
            "one worker; bodies are the bare float32 bytes, without names, dtypes or shapes; batches up to 16 "
            "with a wait of at most 1 ms (not for `tensor`), the best of the settings tried",
            requirements=("mosec", "numpy", "onnxruntime"),
            shown_versions=("mosec", "onnxruntime", "numpy"),
            forms={"http": dict.fromkeys(("add", "mlp", "tensor"), "raw")},
            module="benchmarks.peers.mosec_server",
        ),
        Server(
            "litserve",
            "LitServe",
            "one worker; JSON lists of floats, base64 in JSON for `tensor`; no batches, the best of the settings tried",
            requirements=("litserve", "numpy", "onnxruntime"),
            shown_versions=("litserve", "fastapi", "uvicorn", "onnxruntime", "numpy"),
            forms={"http": {"add": "json-list", "mlp": "json-list", "tensor": "json-base64"}},
            module="benchmarks.peers.litserve_server",
        ),
    )
}
