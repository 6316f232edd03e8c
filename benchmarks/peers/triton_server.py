"""Starts the Triton server inside the `nvidia-pytriton` wheel, with its Python backend and no other part of it."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.peers.models import Start, parse_start
from benchmarks.workloads import Tensor, Workload

BATCH: Final = 64
ROOT: Final = Path(__file__).resolve().parents[2]
MODEL_PY: Final = f"""import sys
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.peers.triton_model import TritonPythonModel
"""


def main() -> None:
    start = parse_start()
    wheel = _wheel_folder()
    scratch = Path(os.environ["BENCH_SCRATCH"])
    _write_repository(start.workload, scratch / "repository")
    backends = _make_backends(wheel, scratch)
    os.environ["BENCH_MODEL"] = str(start.model)
    libraries = [wheel.parent / "nvidia_pytriton.libs", sysconfig.get_config_var("LIBDIR")]
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, libraries))
    server = wheel / "tritonserver" / "bin" / "tritonserver"
    os.execv(server, [str(server), *_arguments(start, scratch / "repository", backends)])


def _wheel_folder() -> Path:
    found = find_spec("pytriton")
    if found is None or found.origin is None:
        sys.exit("nvidia-pytriton is not installed in this environment")
    return Path(found.origin).parent


def _arguments(start: Start, repository: Path, backends: Path) -> list[str]:
    options = {
        "model-repository": repository,
        "backend-directory": backends,
        "grpc-address": "127.0.0.1",
        "grpc-port": start.grpc_port,
        "http-address": "127.0.0.1",
        "http-port": start.http_port,
        "allow-metrics": "false",
        "log-info": "false",
    }
    return [f"--{name}={value}" for name, value in options.items()]


def _make_backends(wheel: Path, scratch: Path) -> Path:
    """The wheel keeps one helper program for each Python version apart; the backend wants its own beside it."""
    backend = scratch / "backends" / "python"
    shutil.copytree(wheel / "tritonserver" / "backends" / "python", backend)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    helper = wheel / "tritonserver" / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not helper.exists():
        sys.exit(f"the wheel has no Python backend for Python {version}")
    shutil.copy(helper, backend)
    return backend.parent


def _write_repository(workload: Workload, repository: Path) -> None:
    version = repository / workload.name / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(MODEL_PY)
    (version.parent / "config.pbtxt").write_text(_configuration(workload))


def _configuration(workload: Workload) -> str:
    lines = ['backend: "python"', "instance_group [ { count: 1 kind: KIND_CPU } ]"]
    if workload.batched:
        lines += [f"max_batch_size: {BATCH}", "dynamic_batching { }"]
    lines += [f"input [ {_described(workload, tensor)} ]" for tensor in workload.inputs]
    lines += [f"output [ {_described(workload, workload.output)} ]"]
    return "\n".join(lines) + "\n"


def _described(workload: Workload, tensor: Tensor) -> str:
    dims = tensor.shape[1:] if workload.batched else tensor.shape
    return f'{{ name: "{tensor.name}" data_type: TYPE_FP32 dims: {list(dims)} }}'


if __name__ == "__main__":
    main()
