"""Compile the client's .proto files into the one descriptor set that it loads."""

import sys
from pathlib import Path

import grpc_tools.protoc  # type: ignore[import-untyped]

CLIENT = Path(__file__).resolve().parent.parent / "src" / "salver" / "client"


def make(output: Path) -> None:
    """Write the descriptor set. Raises RuntimeError if a file does not compile."""
    names = sorted(file.name for file in CLIENT.glob("*.proto"))
    arguments = ["protoc", f"--proto_path={CLIENT}", f"--descriptor_set_out={output}", *names]
    if grpc_tools.protoc.main(arguments) != 0:
        raise RuntimeError("protoc refused the client's .proto files")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else CLIENT / "messages.binpb")
