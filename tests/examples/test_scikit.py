import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

import salver
from salver.testing.server import running

from .conftest import Example

INPUTS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


@pytest.fixture(scope="module")
def servable(example: Example) -> Path:
    return example("scikit")


@pytest.fixture(scope="module")
def address(servable: Path) -> Iterator[str]:
    with running(servable) as server:
        assert "scikit  version 1, python, 2 workers" in server.output
        yield server.address


def test_flowers_are_classified_by_named_numbers(address: str) -> None:
    iris = load_iris()
    with salver.Client(address) as client:
        found = client.infer("scikit", dict(zip(INPUTS, iris.data.T, strict=True)))
    names = np.array([name.decode() for name in found["species"]])
    assert (names == iris.target_names[iris.target]).mean() > 0.95
    assert found["probability"].dtype == np.float32
    assert found["probability"].min() > 1 / 3


def check(servable: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salver", "check", str(servable)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_check_tries_the_example_that_the_file_gives(servable: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "salver", "check", str(servable)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    # A busy machine may take its time, which is told.
    assert (ran.returncode, [line for line in ran.stderr.splitlines() if "is still loading" not in line]) == (0, [])
    assert ran.stdout.splitlines()[-1] == "1 version loaded, 0 problems"


def test_without_its_model_the_remedy_names_the_file(servable: Path, tmp_path: Path) -> None:
    alone = tmp_path / "servable.py"
    alone.write_text(servable.read_text())
    ran = check(alone)
    assert ran.returncode == 1
    assert f"{alone}:19: FileNotFoundError: " in ran.stderr
    assert "model.joblib" in ran.stderr
