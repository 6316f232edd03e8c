"""Compressed gRPC messages as they are on the wire; what clients make of them is tested with the clients."""

import gzip
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from salver.client import messages

ZEROS = np.zeros((5000, 2), np.float32).tobytes()
CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
}


def request() -> bytes:
    message = messages.ModelInferRequest(model_name="scaled", raw_input_contents=[ZEROS])
    message.inputs.add(name="x", datatype="FP32", shape=[5000, 2])
    return bytes(message.SerializeToString())


def post(address: str, message: bytes, folder: Path, *headers: str) -> tuple[str, bytes]:
    """The reply's headers, and its one message with its five bytes of prefix."""
    (folder / "message").write_bytes(message)
    command = ["curl", "-sS", "--max-time", "30", "--http2-prior-knowledge", "-D", str(folder / "headers")]
    for header in ("content-type: application/grpc", "te: trailers", *headers):
        command += ["-H", header]
    command += ["--data-binary", f"@{folder / 'message'}"]
    url = f"http://{address}/inference.GRPCInferenceService/ModelInfer"
    body = subprocess.run([*command, url], check=True, capture_output=True, timeout=50).stdout
    return (folder / "headers").read_text(), body


@pytest.mark.parametrize("name", CODECS)
def test_requests_and_replies_are_compressed_as_the_headers_say(address: str, tmp_path: Path, name: str) -> None:
    compress, decompress = CODECS[name]
    small = compress(request())
    message = struct.pack(">?I", True, len(small)) + small
    headers, body = post(address, message, tmp_path, f"grpc-encoding: {name}", f"grpc-accept-encoding: {name}")
    assert f"grpc-encoding: {name}" in headers
    assert struct.unpack(">?I", body[:5]) == (True, len(body) - 5)
    assert len(body) < len(ZEROS) // 10
    reply = messages.ModelInferResponse.FromString(decompress(body[5:]))
    assert list(reply.raw_output_contents) == [ZEROS]


def test_whoever_takes_no_compression_gets_none(address: str, tmp_path: Path) -> None:
    headers, body = post(address, struct.pack(">?I", False, len(request())) + request(), tmp_path)
    assert "grpc-encoding: " not in headers
    assert list(messages.ModelInferResponse.FromString(body[5:]).raw_output_contents) == [ZEROS]
