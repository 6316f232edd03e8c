"""The examples, run with their very files, in copies that have ports of their own."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.ports import free_port
from support.waiting import until

from .printed import EXAMPLE, ONE_SUM, THREE_SUMS
from .restful import READY as RESTFUL_READY
from .scripts import EXAMPLES, put, run, started


@pytest.fixture
def add(tmp_path: Path) -> Path:
    folder = tmp_path / "add"
    shutil.copytree(EXAMPLES / "add", folder, ignore=shutil.ignore_patterns("1", "*.mindir"))
    return folder


def test_add(add: Path, port: str) -> None:
    assert run(add / "export_model" / "add_onnx.py") == "wrote ../add/1/tensor_add.onnx\n"
    server, client = (put(add / name, add, {"5500": port}) for name in ("serving_server.py", "serving_client.py"))
    with started(server) as script:
        assert len(script.workers()) == 2
        assert run(client) == EXAMPLE


def test_add_in_the_form_of_r12(add: Path, port: str) -> None:
    run(add / "export_model" / "add_onnx.py", "../r1.2/add/1")
    older = add / "r1.2"
    server, client = (put(older / name, older, {"5500": port}) for name in ("master_with_worker.py", "client.py"))
    with started(server, wait_for="Serving gRPC start success, listening on "):
        assert run(client) == THREE_SUMS + ONE_SUM


@pytest.mark.parametrize("first", ["master", "worker"])
def test_add_with_master_and_worker_apart(add: Path, port: str, first: str) -> None:
    run(add / "export_model" / "add_onnx.py", "../r1.2/add/1")
    older, between = add / "r1.2", str(free_port())
    client = put(older / "client.py", older, {"5500": port})
    scripts = {
        "master": put(older / "master.py", older, {"5500": port, "6500": between}),
        "worker": put(older / "worker.py", older, {"6500": between}),
    }
    one, other = scripts.pop(first), scripts.popitem()[1]
    with started(one, wait_for=""), started(other, wait_for=""):
        until(lambda: "servable is not available" not in (told := run(client)) and "Grpc Error" not in told)
        assert run(client) == THREE_SUMS + ONE_SUM


def test_add_over_tls(add: Path, port: str) -> None:
    run(add / "export_model" / "add_onnx.py")
    tls, restful = add / "tls", str(free_port())
    subprocess.run(["sh", str(EXAMPLES.parent / "certificates.sh"), "certificates"], cwd=tls, check=True, timeout=50)
    server, client = (
        put(tls / name, tls, {":5500": f":{port}", ":1500": f":{restful}"})
        for name in ("serving_server.py", "serving_client.py")
    )
    with started(server, wait_for=RESTFUL_READY):
        assert run(client) == ONE_SUM + "{'instances': [{'y': [[2.0, 2.0], [2.0, 2.0]]}]}\n"


def test_resnet50(images: Path, tmp_path: Path) -> None:
    here = {"/tmp/serving_resnet50_test_temp_file": str(tmp_path / "socket")}
    server, client = (
        put(EXAMPLES / "resnet50" / name, images, here) for name in ("serving_server.py", "serving_client.py")
    )
    with started(server) as script:
        assert len(script.workers()) == 2
        assert run(client) == (
            "test_image/flower_0.jpg {'label': 'flower'}\ntest_image/flower_1.png {'label': 'flower'}\n"
            "test_image/temple_0.jpg {'label': 'temple'}\ntest_image/temple_1.png {'label': 'temple'}\n"
        )
