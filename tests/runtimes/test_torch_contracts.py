"""What TorchScript files and exported programs say without PyTorch."""

import json
import zipfile
from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.runtimes.workers import read_contract

X = {"name": "x", "dtype": "float32", "dims": ["n", 2]}


def archive(file: Path, **extra: str) -> Path:
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("net/data.pkl", b"weights")
        for name, text in extra.items():
            written.writestr(f"net/extra/{name}.json", text)
    return file


def test_a_torchscript_file_may_carry_its_contract(tmp_path: Path) -> None:
    signature = read_contract(archive(tmp_path / "net.pt", config=json.dumps({"inputs": [X], "outputs": [X]})))
    assert signature is not None
    assert str(signature.inputs[0]) == str(signature.outputs[0]) == "x: float32[n, 2]"


@pytest.mark.parametrize("extra", [{}, {"other": "{}"}, {"config": '{"max_batch_size": 8}'}])
def test_without_one_only_pytorch_can_tell(tmp_path: Path, extra: dict[str, str]) -> None:
    assert read_contract(archive(tmp_path / "net.torchscript", **extra)) is None


def test_a_wrong_declaration_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="declares no outputs"):
        read_contract(archive(tmp_path / "net.pt", config=json.dumps({"inputs": [X]})))


def test_only_pytorch_reads_an_exported_program(tmp_path: Path) -> None:
    assert read_contract(archive(tmp_path / "net.pt2")) is None


@pytest.mark.parametrize("name", ["net.pt", "net.pt2"])
def test_what_is_no_archive_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(Unusable, match="copy it completely"):
        read_contract(tmp_path / name)
