"""The scripts that export the tutorial's model, each run as a process of its own, in its own folder."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT

from salver.runtimes.workers import load_model, read_contract

EXAMPLE = ROOT / "examples" / "mindspore" / "add" / "export_model" / "add_model.py"
TUTORIAL = Path(__file__).parent / "tutorial_scripts" / "add_model.py"
PRINTED = "copy tensor_add.mindir to ../add/1 success\n[[1. 1.]\n [1. 1.]]\n[[1. 1.]\n [1. 1.]]\n[[2. 2.]\n [2. 2.]]\n"

# Runs a script that asks for an Ascend accelerator, and gives it the processor.
STAND_IN = """
import runpy, sys, mindspore.context as context
chosen = context.set_context
def set_context(**given):
    chosen(**{name: "CPU" if value == "Ascend" else value for name, value in given.items()})
context.set_context = set_context
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.fixture
def servable(tmp_path: Path) -> Path:
    """The folders of the tutorial, where scripts are run in `export_model`."""
    (tmp_path / "export_model").mkdir()
    (tmp_path / "add").mkdir()
    return tmp_path


def run(servable: Path, script: Path, *how: str) -> subprocess.CompletedProcess[str]:
    folder = servable / "export_model"
    shutil.copyfile(script, folder / script.name)
    command = [sys.executable, *how, script.name]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=50, check=False)


def check_model(servable: Path) -> None:
    file = servable / "add" / "1" / "tensor_add.mindir"
    signature = read_contract(file)
    assert signature is not None
    assert ", ".join(map(str, signature.inputs)) == "x_: float32[2, 2], y_: float32[2, 2]"
    assert load_model(file, {}).run([np.ones((2, 2), np.float32)] * 2)[0].tolist() == [[2, 2], [2, 2]]  # type: ignore[union-attr]


def test_the_example_exports_a_model_and_shows_what_it_does(servable: Path) -> None:
    done = run(servable, EXAMPLE)
    assert (done.returncode, done.stdout) == (0, PRINTED), done.stderr
    check_model(servable)


def test_the_example_makes_the_folder_that_the_model_goes_to(servable: Path) -> None:
    (servable / "add").rmdir()
    assert run(servable, EXAMPLE).returncode == 0
    check_model(servable)


def test_the_tutorials_script_runs_as_printed_on_what_it_takes_for_an_ascend(servable: Path) -> None:
    done = run(servable, TUTORIAL, "-c", STAND_IN)
    assert (done.returncode, done.stdout) == (0, PRINTED), done.stderr
    check_model(servable)


@pytest.mark.skipif(Path("/dev/davinci_manager").exists(), reason="this machine has an Ascend accelerator")
def test_without_an_ascend_mindspore_itself_refuses_the_tutorials_script(servable: Path) -> None:
    done = run(servable, TUTORIAL)
    assert done.returncode == 1
    assert "Unsupported device target Ascend. This process only supports one of the ['CPU']" in done.stderr
    assert not any((servable / "add").iterdir())
