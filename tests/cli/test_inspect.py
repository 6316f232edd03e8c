from pathlib import Path

import onnx
import pytest
from support.models import batchable_add
from support.saved_models import CLASSIFY, FLOAT, RESOURCE, saved_model, scaled, several, signature, tensor, written

from salver.cli.main import main

Y = {"y": ("y:0", FLOAT, (-1, 2))}


def printed(capsys: pytest.CaptureFixture[str], path: Path) -> str:
    assert main(["inspect", str(path)]) == 0
    return capsys.readouterr().out


def test_all_signatures_of_a_saved_model_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "model", several())
    assert printed(capsys, file) == (
        f"{file}: SavedModel of TensorFlow 2.21.0, tags serve, no variables\n"
        "\n"
        "serving_default: tensorflow/serving/predict\n"
        "    input   x  DT_FLOAT  [-1, 2]  x:0\n"
        "    output  y  DT_FLOAT  [-1, 2]  y:0\n"
        "\n"
        "sum: tensorflow/serving/predict\n"
        "    input   u      DT_FLOAT  [-1, 2]  u:0\n"
        "    input   x      DT_FLOAT  [-1, 2]  x:0\n"
        "    output  total  DT_FLOAT  [-1, 2]  total:0\n"
        "\n"
        "swapped: tensorflow/serving/predict\n"
        "    input   x  DT_FLOAT  [-1, 2]  x:0\n"
        "    output  a  DT_FLOAT  [-1, 2]  y:0\n"
        "    output  x  DT_FLOAT  [-1, 2]  x:0\n"
    )


def test_what_cannot_be_served_and_what_may_be_left_out_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = {"k": ("k:0", FLOAT, ()), "table": ("t:0", RESOURCE, ())}
    odd = signature(inputs, Y, CLASSIFY, {"k": tensor(FLOAT, [], 1)})
    assert printed(capsys, written(tmp_path, "model", saved_model([], {"odd": odd}))).endswith(
        "odd: tensorflow/serving/classify\n"
        "    input   k      DT_FLOAT     []       k:0  may be left out\n"
        "    input   table  DT_RESOURCE  []       t:0\n"
        "    output  y      DT_FLOAT     [-1, 2]  y:0\n"
        "    cannot be served: it has in 'odd' the tensor 'table', which is DT_RESOURCE\n"
    )


def test_an_onnx_model_has_one_method_without_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(batchable_add(), tmp_path / "add.onnx")
    lines = printed(capsys, tmp_path / "add.onnx").splitlines()
    assert lines[0] == f"{tmp_path / 'add.onnx'}: onnx"
    assert [line.split()[:3] for line in lines[1:]] == [
        ["input", "x1", "float32"],
        ["input", "x2", "float32"],
        ["output", "y", "float32"],
    ]


def test_a_folder_stands_for_its_model_or_that_of_its_highest_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in (2, 10):
        written(tmp_path, "model", scaled(2, f"version_{version}"), version)
    (tmp_path / "model" / "11").mkdir()
    assert "\nversion_10: " in printed(capsys, tmp_path / "model")
    assert "\nversion_2: " in printed(capsys, tmp_path / "model" / "2")


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("empty", "holds no model file, and no version folder with one"),
        ("two", "holds several model files: a.onnx and b.onnx"),
        ("nothere", "there is no such file or folder\n  remedy: give a model file (.mindir, .onnx, "),
        ("no.onnx", "there is no such file or folder"),
        ("no.txt", "is of no kind that is known\n  remedy: give one of .mindir, .onnx, "),
        ("empty.onnx", "is no usable ONNX model"),
        ("broken/saved_model.pb", "is no whole SavedModel"),
        ("secret.mindir", "does not say what it takes"),
    ],
)
def test_what_is_no_model_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, what: str
) -> None:
    for folder in ("empty", "two", "broken"):
        (tmp_path / folder).mkdir()
    for name in ("two/a.onnx", "two/b.onnx", "broken/saved_model.pb", "no.txt", "empty.onnx"):
        (tmp_path / name).touch()
    (tmp_path / "secret.mindir").write_bytes(b"\xd8\x5e\x3a\x7f")
    assert main(["inspect", str(tmp_path / path)]) == 2
    assert what in capsys.readouterr().err
