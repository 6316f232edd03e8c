"""Virtual environments made on demand: one for the tools and one for each peer."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.progress import say

HERE: Final = Path(__file__).resolve().parent
PROTO: Final = HERE / "kserve.proto"
SERVICES_PROTO: Final = HERE / "services.proto"
PREDICT_PROTO: Final = HERE / "predict.proto"
MINDSPORE_PROTO: Final = HERE.parent / "src" / "mindspore_serving" / "proto" / "ms_service.proto"
# Servicers import what this compiler makes with the packages that salver was installed with, which may be older.
TOOLS_REQUIREMENTS: Final = ("grpcio", "grpcio-tools==1.81.1", "numpy", "onnx", "pillow")
INSTALL_SECONDS: Final = 900


class SetupFailed(Exception):
    """Something the run needs could not be made; the text is the reason, fit for the page."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds everything one server or tool needs."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def generated(self) -> Path:
        """Where the compiled `.proto` files are, if this environment has the compiler."""
        return self.folder / "generated"

    def variables(self) -> dict[str, str]:
        """The variables under which programs of this package run in the environment."""
        return {
            **os.environ,
            "PYTHONPATH": f"{HERE.parent}{os.pathsep}{self.generated}",
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "ORT_DISABLE_TELEMETRY": "1",
        }

    def versions(self) -> dict[str, str]:
        return installed_versions(self.python)


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "salver" / "bench"


def make_environment(name: str, requirements: tuple[str, ...], protos: Sequence[Path] = (PROTO,)) -> Environment:
    """Makes the environment, or takes the one that an earlier run made of the same; the protos are compiled in it."""
    environment = Environment(cache_folder() / name)
    stamp = environment.folder / "stamp.json"
    texts = "".join(each.read_text() for each in protos)
    wanted = json.dumps({"requirements": requirements, "python": sys.version, "proto": texts})
    if not stamp.exists() or stamp.read_text() != wanted:
        say(f"setting up {name}: {', '.join(requirements)}")
        _install(environment, requirements, protos)
        stamp.write_text(wanted)
    return environment


def installed_versions(python: Path) -> dict[str, str]:
    """Every distribution the interpreter sees, by lower-case name."""
    code = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _install(environment: Environment, requirements: tuple[str, ...], protos: Sequence[Path]) -> None:
    if environment.folder.exists():
        shutil.rmtree(environment.folder)
    _run([sys.executable, "-m", "venv", environment.folder])
    _run([environment.python, "-m", "pip", "install", "--quiet", *requirements])
    if any(each.startswith("grpcio-tools") for each in requirements):
        environment.generated.mkdir()
        for proto in protos:
            _compile_proto(environment, proto)


def _compile_proto(environment: Environment, proto: Path) -> None:
    out = environment.generated
    outputs = (f"--python_out={out}", f"--grpc_python_out={out}")
    _run([environment.python, "-m", "grpc_tools.protoc", f"-I{proto.parent}", *outputs, proto.name])


def _run(command: Sequence[str | Path]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise SetupFailed(f"installation took longer than {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        raise SetupFailed(without_places(_last_error(done.stderr)))


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["the installer failed without a message"])[-1]


def without_places(text: str) -> str:
    """The text without addresses and absolute paths, which say nothing outside this machine."""
    return re.sub(r"(https?://|/)[^\s'\")]+/[^\s'\")]*", "...", text)
