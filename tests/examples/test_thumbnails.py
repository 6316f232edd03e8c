"""The servicer in several processes, called by generated code and by JSON."""

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO

import grpc
import pytest
from PIL import Image
from support.http import post
from support.paths import ROOT

import salver

_EXAMPLE = ROOT / "examples" / "thumbnails"
_TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = shutil.copytree(_EXAMPLE, tmp_path_factory.mktemp("thumbnails") / "thumbnails")
    generate = "-m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. thumbnails.proto"
    subprocess.run([sys.executable, *generate.split()], cwd=folder, check=True, timeout=_TIMEOUT_S)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "server.py", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"127.0.0.1:{process.stdout.readline().split()[-1]}"
        finally:
            process.terminate()


def picture(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), "red").save(file, "JPEG")
    return file.getvalue()


def test_it_is_called_by_json(address: str) -> None:
    body = {"file": base64.b64encode(picture(400, 200)).decode(), "size": 100}
    answer = post(address, "/thumbnails.Thumbnails/Make", body).json
    assert (answer["width"], answer["height"]) == (100, 50)
    assert Image.open(BytesIO(base64.b64decode(answer["png"]))).size == (100, 50)


def test_pictures_stream_through_it(address: str) -> None:
    thumbnails = salver.proto(str(_EXAMPLE / "thumbnails.proto"))
    images = [thumbnails.Image(file=picture(*size)) for size in ((256, 128), (128, 256), (10, 10))]
    with grpc.insecure_channel(address) as channel:
        made = thumbnails.stub("Thumbnails", channel).MakeAll(iter(images), timeout=_TIMEOUT_S)
        assert [(each.width, each.height) for each in made] == [(128, 64), (64, 128), (10, 10)]


def test_what_is_no_picture_is_refused(address: str) -> None:
    refused = post(address, "/thumbnails.Thumbnails/Make", {"file": base64.b64encode(b"no picture").decode()})
    assert refused.status == 400
    assert refused.json["message"] == "the file is no picture of a known format"
