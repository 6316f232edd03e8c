"""Makes the Python of ms_service.proto again: ``python tests/mindspore_client/generate_proto.py``.

Needs grpcio-tools of the release in `GRPC_TOOLS`, so that the result is the same for everybody.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

GRPC_TOOLS = "1.81.1"
SOURCES = Path(__file__).parents[2] / "src"
PROTO = "mindspore_serving/proto/ms_service.proto"
GENERATED = ("ms_service_pb2.py", "ms_service_pb2.pyi", "ms_service_pb2_grpc.py")


def generate() -> dict[str, str]:
    """Returns the text of each generated file, by name."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{SOURCES}", *outputs, PROTO]
        subprocess.run(command, check=True, timeout=60)
        made = Path(folder, PROTO).parent
        texts = {name: (made / name).read_text() for name in GENERATED}
    texts["ms_service_pb2.pyi"] = _complete(texts["ms_service_pb2.pyi"])
    return texts


def _complete(stub: str) -> str:
    # protoc leaves Mapping without its types, which mypy --strict refuses.
    typed = stub.replace("_Mapping]", "_Mapping[str, _Any]]")
    return typed.replace("from typing import ", "from typing import Any as _Any, ")


if __name__ == "__main__":
    for name, text in generate().items():
        (SOURCES / PROTO).with_name(name).write_text(text)
