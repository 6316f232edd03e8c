"""`examples/mnist_tensorflow`, its very files in processes of their own: train, inspect, serve, predict, err."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.paths import ROOT

from salver.testing.server import Server

ANSWERS = {
    "no input": "input size does not match signature: 0!=1 len({}) != len({flatten_input}).",
    "an input too many": "input size does not match signature: 2!=1 len({flatten_input,label}) != len({flatten_input})",
    "another name": "Signature input alias: flatten_input(feed name: serving_default_flatten_input:0)",
    "another size": "the shape [27,28,1], but [-1,28,28,1] is expected; without its first dimension it is one row",
    "another dtype": "Expects arg[0] to be float but double is provided",
    "text": "Expects arg[0] to be float but string is provided",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, once its network is trained."""
    folder = tmp_path_factory.mktemp("examples") / "mnist_tensorflow"
    shutil.copytree(ROOT / "examples" / "mnist_tensorflow", folder)
    printed = run(folder, "train.py")
    accuracy, _, _ = printed.partition("% of 360 digits that it never saw are read rightly")
    assert float(accuracy) > 90
    assert printed.endswith("export_path = tf_model/1\n")
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    flags = ["--port=0", "--model_name=mnist", f"--model_base_path={folder / 'tf_model'}"]
    server = Server([sys.executable, "-m", "salver", "tensorflow-serving", *flags], os.environ)
    try:
        server.wait_until_ready(50)
        yield server.address.replace("0.0.0.0", "127.0.0.1")
    finally:
        server.close()


def run(folder: Path, *command: str) -> str:
    ran = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=55, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_summary_shows_the_documented_names(folder: Path) -> None:
    printed = run(folder, "-m", "salver", "inspect", "tf_model/1")
    rows = [line.split() for line in printed.splitlines()[2:]]
    assert rows == [
        ["serving_default:", "tensorflow/serving/predict"],
        ["input", "flatten_input", "DT_FLOAT", "[-1,", "28,", "28,", "1]", "serving_default_flatten_input:0"],
        ["output", "dense_1", "DT_FLOAT", "[-1,", "196]", "StatefulPartitionedCall:0"],
    ]


def test_the_client_prints_the_digit_and_saves_its_picture(folder: Path, address: str) -> None:
    label = np.load(folder / "test_digits.npz")["labels"][0]
    assert run(folder, "client.py", address) == f"predicted output : {label}\n"
    with Image.open(folder / "predicted.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (280, 310))
        assert np.asarray(picture)[:30].min() < 100, "there is no title"


def test_mistakes_get_clear_answers(folder: Path, address: str) -> None:
    lines = run(folder, "mistakes.py", address).splitlines()
    answers = dict(line.split(": INVALID_ARGUMENT: ", 1) for line in lines)
    assert answers.keys() == ANSWERS.keys()
    for mistake, text in ANSWERS.items():
        assert text in answers[mistake]
