"""The servers that are compared, as data: what they need, how they start, which form they are asked in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.workloads import WORKLOADS, Protocol, Workload

KSERVE_GRPC: Final = dict.fromkeys(WORKLOADS, "kserve-grpc")
KSERVE_HTTP: Final = {**dict.fromkeys(WORKLOADS, "kserve-binary"), "add": "kserve-json", "image": "image-body"}
KSERVE: Final[Mapping[Protocol, Mapping[str, str]]] = {"grpc": KSERVE_GRPC, "http": KSERVE_HTTP}
MINDSPORE: Final[Mapping[Protocol, Mapping[str, str]]] = {"grpc": dict.fromkeys(WORKLOADS, "mindspore-grpc")}
MINDSPORE_REST: Final[Mapping[Protocol, Mapping[str, str]]] = {"http": dict.fromkeys(WORKLOADS, "mindspore-json")}
MESSAGES: Final[Mapping[Protocol, Mapping[str, str]]] = {"grpc": dict.fromkeys(WORKLOADS, "messages-grpc")}
RAW: Final = dict.fromkeys(WORKLOADS, "raw")
JSON: Final = {**dict.fromkeys(WORKLOADS, "json-list"), "tensor": "json-base64", "image": "json-file"}

SALVER_VERSIONS: Final = ("salver", "onnxruntime", "numpy")
SERVICER_VERSIONS: Final = ("salver", "grpcio", "protobuf", "numpy", "pillow")
SERVICER_CALLS: Final = ("empty", "echo", "count", "chat")
ONE_ONNX_MODEL: Final = ("add", "mlp", "tensor")


@dataclass(frozen=True)
class Server:
    """A server under test. `module` starts a peer inside its environment; salver is started by its own command."""

    name: str
    title: str
    setting: str
    workloads: tuple[str, ...]
    forms: Mapping[Protocol, Mapping[str, str]]
    """For each protocol it speaks, the form (see tools/forms.py) in which each workload is asked."""
    shown_versions: tuple[str, ...] = SALVER_VERSIONS
    requirements: tuple[str, ...] = ()
    """What a peer's environment holds; salver has its own."""
    module: str = ""
    code: bool = False
    """Whether salver gets the `servables/<workload>.py` to serve, or else the ONNX model alone."""
    settings: str = ""
    """What is in the `salver.toml` beside it; for a start script, its `num_parallel_workers`."""
    joined: bool = False
    """Whether a `salver worker` of its own runs it, which joins the server over TCP."""
    start_script: bool = False
    """Whether it is started as by MindSpore Serving's scripts (see mindspore_server.py), not by `salver serve`."""
    script: str = ""
    """The script of `servicers` that is run, with what follows its address in `settings`."""
    unsalvered: bool = False
    """Whether Python runs the script as it is, not `salver run`: the same packages, but grpcio's own server."""
    admin: bool = False
    """Whether salver has an admin's socket, `admin` in its scratch folder."""
    looped: bool = False
    """Whether it is no server at all: `module` does the work again and again by itself, which bounds all servers."""
    every_core: bool = False
    """Whether it has the load's core too, which is otherwise kept from servers."""

    @property
    def ours(self) -> bool:
        return not self.module

    def serves(self, workload: Workload) -> bool:
        return workload.name in self.workloads


of_services = partial(Server, forms=MESSAGES, shown_versions=SERVICER_VERSIONS)

SERVERS: Final = {
    server.name: server
    for server in (
        Server(
            "salver",
            "salver",
            "`salver serve DIR --listen ADDR`, no other setting; DIR holds the ONNX model alone",
            workloads=(*ONE_ONNX_MODEL, "lookup"),
            forms=KSERVE,
        ),
        Server(
            "salver_predict",
            "salver, TensorFlow's Predict",
            "the same command; the same model, and tensors of the same bytes, in the words of TensorFlow Serving",
            workloads=("mlp", "tensor"),
            forms={"grpc": dict.fromkeys(WORKLOADS, "predict-grpc")},
        ),
        Server(
            "salver_python",
            "salver, Python in a worker",
            "the same command; DIR holds the `servable.py` from `benchmarks/servables`, and no setting",
            shown_versions=(*SALVER_VERSIONS, "pillow"),
            workloads=("add", "tensor", "chain", "image"),
            forms=KSERVE,
            code=True,
        ),
        Server(
            "salver_in_process",
            "salver, Python in process",
            "the same, and `in_process = true` in its `salver.toml`",
            workloads=("add", "tensor", "chain"),
            forms=KSERVE,
            code=True,
            settings="in_process = true\n",
        ),
        Server(
            "salver_joined",
            "salver, a worker over TCP",
            "`salver serve --accept-workers`, and `salver worker` with the same `servable.py`, which joins it",
            workloads=("add",),
            forms={"grpc": KSERVE_GRPC},
            code=True,
            joined=True,
        ),
        Server(
            "salver_rest",
            "salver, MindSpore Serving's REST",
            "as salver alone, the same ONNX model, asked at `/model/...`",
            workloads=("add",),
            forms=MINDSPORE_REST,
        ),
        Server(
            "salver_one_worker",
            "salver, 1 worker",
            "the same as in a worker, and `workers = 1` in its `salver.toml`; all on both cores",
            workloads=("rows",),
            forms=KSERVE,
            code=True,
            settings="workers = 1\n",
            every_core=True,
        ),
        Server(
            "salver_two_workers",
            "salver, 2 workers",
            "the same, and `workers = 2`",
            workloads=("rows",),
            forms=KSERVE,
            code=True,
            settings="workers = 2\n",
            every_core=True,
        ),
        Server(
            "mindspore_one_worker",
            "salver, `num_parallel_workers=1`",
            "`start_servables` and `start_grpc_server` of `mindspore_serving.server`; all on both cores",
            workloads=("instances",),
            forms=MINDSPORE,
            code=True,
            settings="1",
            start_script=True,
            every_core=True,
        ),
        Server(
            "mindspore_two_workers",
            "salver, `num_parallel_workers=2`",
            "the same, with one worker more",
            workloads=("instances",),
            forms=MINDSPORE,
            code=True,
            settings="2",
            start_script=True,
            every_core=True,
        ),
        of_services(
            "run_blocking",
            "salver run, `grpc.server`",
            "`salver run blocking.py ADDR`, a script in `benchmarks/servicers` that knows nothing of salver",
            workloads=SERVICER_CALLS,
            script="blocking",
        ),
        of_services(
            "run_looped",
            "salver run, `grpc.aio.server`",
            "`salver run looped.py ADDR`, the same with asyncio",
            workloads=SERVICER_CALLS,
            script="looped",
        ),
        of_services(
            "grpcio_blocking",
            "grpcio, `grpc.server`",
            "`python blocking.py ADDR`, the same script with the same packages",
            workloads=SERVICER_CALLS,
            script="blocking",
            unsalvered=True,
        ),
        of_services(
            "grpcio_looped",
            "grpcio, `grpc.aio.server`",
            "`python looped.py ADDR`",
            workloads=SERVICER_CALLS,
            script="looped",
            unsalvered=True,
        ),
        of_services(
            "run_processes",
            "salver run, 3 processes",
            "`salver run blocking.py ADDR 3`, on both cores",
            workloads=("processes",),
            settings="3",
            script="blocking",
            every_core=True,
        ),
        of_services(
            "grpcio_processes",
            "grpcio, 3 processes",
            "`python blocking.py ADDR 3`, on both cores",
            workloads=("processes",),
            settings="3",
            script="blocking",
            unsalvered=True,
            every_core=True,
        ),
        of_services(
            "salver_faces",
            "salver, a service of its own",
            "`salver serve`, with the `servable.py` from `benchmarks/servables` that serves the same `.proto`",
            workloads=("faces",),
            code=True,
        ),
        of_services(
            "run_faces",
            "salver run, picture by picture",
            "`salver run blocking.py ADDR`",
            workloads=("faces",),
            script="blocking",
        ),
        of_services(
            "grpcio_faces",
            "grpcio, picture by picture",
            "`python blocking.py ADDR`",
            workloads=("faces",),
            script="blocking",
            unsalvered=True,
        ),
        Server(
            "triton",
            "Triton, Python backend",
            "the server and Python backend inside the `nvidia-pytriton` wheel, one CPU instance, "
            "dynamic batching up to 64 (not for `tensor`), metrics off",
            requirements=("nvidia-pytriton", "onnxruntime"),
            shown_versions=("nvidia-pytriton", "onnxruntime", "numpy"),
            workloads=ONE_ONNX_MODEL,
            forms=KSERVE,
            module="benchmarks.peers.triton_server",
        ),
        Server(
            "grpc_aio",
            "grpc.aio",
            "hand-written asyncio servicer, messages by protobuf's own generated code, request by request",
            requirements=("grpcio", "grpcio-tools", "numpy", "onnxruntime", "pillow"),
            shown_versions=("grpcio", "protobuf", "onnxruntime", "numpy", "pillow"),
            workloads=(*ONE_ONNX_MODEL, "chain", "image"),
            forms={"grpc": KSERVE_GRPC},
            module="benchmarks.peers.grpc_aio_server",
        ),
        Server(
            "mosec",
            "mosec",
            "one worker; bodies are the bare bytes, without names, dtypes or shapes; batches up to 16 (`image`: 2) "
            "with a wait of at most 1 ms (not for `tensor`), the best of the settings tried; for `image` a worker that "
            "decodes and one that classifies were slower than one that does both",
            requirements=("mosec", "numpy", "onnxruntime", "pillow"),
            shown_versions=("mosec", "onnxruntime", "numpy", "pillow"),
            workloads=(*ONE_ONNX_MODEL, "chain", "image"),
            forms={"http": RAW},
            module="benchmarks.peers.mosec_server",
        ),
        Server(
            "loop",
            "no server",
            "what the others run for one request after the other, in a loop",
            requirements=("numpy", "onnxruntime", "pillow"),
            shown_versions=("onnxruntime", "numpy", "pillow"),
            workloads=("image",),
            forms={"http": RAW},
            module="benchmarks.peers.loop",
            looped=True,
        ),
        Server(
            "litserve",
            "LitServe",
            "one worker; JSON lists of floats, base64 in JSON for `tensor` and `image`; no batches, the best of the "
            "settings tried",
            requirements=("litserve", "numpy", "onnxruntime", "pillow"),
            shown_versions=("litserve", "fastapi", "uvicorn", "onnxruntime", "numpy", "pillow"),
            workloads=(*ONE_ONNX_MODEL, "chain", "image"),
            forms={"http": JSON},
            module="benchmarks.peers.litserve_server",
        ),
    )
}
