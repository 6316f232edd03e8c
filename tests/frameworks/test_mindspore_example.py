"""The example `add` with MindSpore: its model is exported as MindIR, and served from that by the tutorial's scripts."""

import shutil
from pathlib import Path

from mindspore_server.printed import EXAMPLE, ONE_SUM, THREE_SUMS
from mindspore_server.scripts import EXAMPLES, put, run, started
from support.ports import free_port


def exported(tmp_path: Path) -> Path:
    folder = tmp_path / "add"
    shutil.copytree(EXAMPLES / "add", folder, ignore=shutil.ignore_patterns("1", "*.mindir"))
    run(folder / "export_model" / "add_model.py")
    assert [file.name for file in (folder / "add" / "1").iterdir()] == ["tensor_add.mindir"]
    return folder


def test_the_exported_model_is_served_in_the_place_of_an_onnx_file(tmp_path: Path) -> None:
    folder, port = exported(tmp_path), str(free_port())
    server, client = (put(folder / name, folder, {"5500": port}) for name in ("serving_server.py", "serving_client.py"))
    with started(server):
        assert run(client) == EXAMPLE


def test_the_same_in_the_form_of_r12(tmp_path: Path) -> None:
    folder, port = exported(tmp_path), str(free_port())
    older = folder / "r1.2"
    shutil.copytree(folder / "add" / "1", older / "add" / "1")
    server, client = (put(older / name, older, {"5500": port}) for name in ("master_with_worker.py", "client.py"))
    with started(server, wait_for="Serving gRPC start success, listening on "):
        assert run(client) == THREE_SUMS + ONE_SUM
