"""Hold salver's gRPC server, and gRPC's own beside it, to clients in Go, Java and JavaScript.

`python tests/clients/run.py` needs go, mvn and npm, and what they fetch; `make test` does without it.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import grpc  # noqa: E402
from support.conformance import Blocking, Heard, Status, serving  # noqa: E402
from support.conformance_pb2_grpc import add_ConformanceServicer_to_server  # noqa: E402

from salver._native import compile_proto  # noqa: E402

_TIMEOUT_S = 600
# A google.rpc.Status, which connect-go reads.
_RICH = Status(
    grpc.StatusCode.OUT_OF_RANGE, "rich", (("grpc-status-details-bin", b"\x08\x0b\x12\x04rich"), ("x-more", "y"))
)


class Patient(Blocking):
    """Waits anew for every caller who asks for it."""

    def Unary(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.wish == "rich":
            context.abort_with_status(_RICH)
        return super().Unary(request, context)

    def _wait(self, context: Any) -> None:
        left = threading.Event()
        context.add_callback(left.set)
        left.wait(20)


def _register(server: Any, heard: Heard) -> None:
    add_ConformanceServicer_to_server(Patient(heard), server)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, timeout=_TIMEOUT_S)


def _go(made: Path) -> list[str]:
    client = made / "go-client"
    _run(["go", "build", "-o", str(client), "."], HERE / "go")
    return [str(client)]


def _java(made: Path) -> list[str]:
    libraries = made / "libraries"
    fetch = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
    _run(fetch, HERE / "java")
    _run(["javac", "-cp", f"{libraries}/*", "-d", str(made), "Client.java"], HERE / "java")
    return ["java", "-cp", f"{libraries}/*:{made}", "Client"]


def _js(made: Path) -> list[str]:
    """The library of browsers, in Node."""
    folder = shutil.copytree(HERE / "js", made / "js")
    compiled = compile_proto(str(HERE.parent / "support" / "conformance.proto"), [])
    (folder / "conformance.binpb").write_bytes(compiled)
    _run(["npm", "install", "--silent", "--no-audit", "--no-fund"], folder)
    return ["node", str(folder / "main.js")]


def _clients(made: Path) -> Iterator[list[str]]:
    for tool, build in (("go", _go), ("mvn", _java), ("npm", _js)):
        if shutil.which(tool):
            yield build(made)
        else:
            print(f"left out: there is no {tool}")


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as made:
        for client in _clients(Path(made)):
            # What browsers speak, gRPC's own server does not.
            for kind in ("salver",) if client[0] == "node" else ("grpcio", "salver"):
                print(f"== {Path(client[0]).name} against {kind}", flush=True)
                only = ["grpc-go"] if kind == "grpcio" else []
                with serving(kind, _register) as place:
                    failed += subprocess.run([*client, place.target, *only], check=False, timeout=_TIMEOUT_S).returncode
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
