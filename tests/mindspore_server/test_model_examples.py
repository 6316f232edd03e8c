"""The examples with several models, stages and subgraphs, asked over gRPC and HTTP: their very files, in copies that
have ports of their own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.ports import free_port

from .scripts import EXAMPLES, Script, put, run, started

REST_READY = "Serving: Serving RESTful server start success, listening on "


class Example:
    """A copy of an example, without what its scripts make."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder / name
        made = shutil.ignore_patterns("1", "test_image", "*.npz", "__pycache__")
        shutil.copytree(EXAMPLES / name, self.folder, ignore=made)
        ports = {"5500": str(free_port()), "1500": str(free_port())}
        for script in self.folder.glob("*_*.py"):
            text = script.read_text()
            put(script, self.folder, {old: new for old, new in ports.items() if f":{old}" in text})

    @contextmanager
    def serving(self) -> Iterator[Script]:
        text = (self.folder / "serving_server.py").read_text()
        with started(self.folder / "serving_server.py") as script:
            if "start_restful_server" in text:
                script.wait_for(REST_READY)
            yield script

    def run(self, script: str) -> list[str]:
        """The lines that a script prints."""
        return run(self.folder / script).splitlines()


def filled(number: float) -> list[list[float]]:
    return [[number, number], [number, number]]


def results(*values: list[list[float]]) -> dict[str, object]:
    return {"instances": [{"y": value} for value in values]}


def test_two_models_in_a_row(tmp_path: Path) -> None:
    example = Example("add_sub_pipeline", tmp_path)
    assert example.run("export_model/add_sub_onnx.py") == [
        "wrote ../add_sub/1/tensor_add.onnx",
        "wrote ../add_sub/1/tensor_sub.onnx",
    ]
    sums = [filled(10.0), filled(21.0), filled(32.0)]
    with example.serving() as script:
        assert len(script.workers()) == 2
        assert example.run("serving_client.py") == [
            f"add_sub_only_model {sums}",
            f"add_sub_complex {filled(12.0)}",
            "add_sub_complex, 100 at once True",
        ]
        wrong = "Given model input 0 data type kMSI_Int32 not match the data type kMSI_Float32 defined in model"
        assert example.run("restful_client.py") == [
            f"add_sub_only_model {results(*sums)}",
            f"add_sub_complex {results(filled(12.0))}",
            f"in base64 {results(filled(1.0))}",
            f"wrong type {{'error_msg': '{wrong}'}}",
        ]


def test_a_trained_network_reads_digits(tmp_path: Path) -> None:
    example = Example("lenet", tmp_path)
    *_, last = example.run("train_lenet.py")
    assert last.startswith("epoch 6: 9")
    with example.serving():
        lines = example.run("serving_client.py")
        read = [line.split() for line in lines[:10]]
        assert [name for name, _ in read] == [f"test_image/{digit}.png" for digit in range(10)]
        digits = [digit for _, digit in read]
        assert sum(digit == str(index) for index, digit in enumerate(digits)) >= 9
        assert lines[10:] == [f"at once {' '.join(digits)}"]
        assert example.run("restful_client.py") == lines[:10]


def test_one_model_of_two_files(tmp_path: Path) -> None:
    example = Example("matmul_multi_subgraphs", tmp_path)
    wrote = [f"wrote ../matmul/1/matmul_{index}.onnx" for index in range(2)]
    assert example.run("export_model/matmul_onnx.py") == wrote
    with example.serving():
        assert example.run("serving_client.py") == ["(16,) True"] * 3


def test_every_way_to_classify_images(images: Path, tmp_path: Path) -> None:
    here = {"/tmp/serving_resnet50_test_temp_file": str(tmp_path / "socket")}
    scripts = [put(EXAMPLES / "resnet50" / name, images, here) for name in ("serving_server.py", "every_method.py")]
    labels = "flower flower temple temple"
    methods = ("classify_top1", "classify_top1_batch", "classify_top1_call", "classify_top1_call_batch")
    with started(scripts[0]):
        *top1, first, second, third, fourth = run(scripts[1]).splitlines()
        assert top1 == [f"{method} {labels}" for method in methods]
        assert {first, second} == {"classify_top5 flower;temple (2,) float32"}
        assert {third, fourth} == {"classify_top5 temple;flower (2,) float32"}
