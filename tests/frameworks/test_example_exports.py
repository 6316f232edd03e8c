"""The export scripts of the other examples, each run as a process of its own, and what the files that they write do."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from support.paths import ROOT

from salver.runtimes.workers import load_model

RANDOM = np.random.default_rng(0)


def exported(name: str, script: str, folder: Path) -> Path:
    """The example's folder, in a copy, once the script has been run where it lies."""
    shutil.copytree(ROOT / "examples" / "mindspore" / name, folder, dirs_exist_ok=True)
    file = folder / script
    subprocess.run([sys.executable, file.name], cwd=file.parent, check=True, timeout=50)
    return folder


def run(file: Path, *inputs: Any) -> Any:
    [output] = load_model(file, {}).run(list(inputs))
    return output


def random(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def test_add_sub_pipeline(tmp_path: Path) -> None:
    folder = exported("add_sub_pipeline", "export_model/add_sub_model.py", tmp_path) / "add_sub" / "1"
    x, y = random(2, 2), random(2, 2)
    np.testing.assert_array_equal(run(folder / "tensor_add.mindir", x, y), x + y)
    np.testing.assert_array_equal(run(folder / "tensor_sub.mindir", x, y), x - y)


def test_matmul_multi_subgraphs(tmp_path: Path) -> None:
    folder = exported("matmul_multi_subgraphs", "export_model/export_matmul.py", tmp_path) / "matmul" / "1"
    for rows, name in ((128, "matmul_0"), (8, "matmul_1")):
        x = random(rows, 96)
        expected = (x @ np.ones((96, 16), np.float32)).sum(axis=0)
        np.testing.assert_allclose(run(folder / f"{name}.mindir", x), expected, rtol=1e-3, atol=1e-3)


def test_lenet_is_the_network_of_the_weights(tmp_path: Path) -> None:
    weights = {
        "conv0.weight": random(6, 1, 5, 5),
        "conv3.weight": random(16, 6, 5, 5),
        "dense7.weight": random(120, 400),
        "dense9.weight": random(84, 120),
        "dense11.weight": random(10, 84),
    }
    weights |= {name.replace("weight", "bias"): random(len(array)) for name, array in weights.items()}
    np.savez(tmp_path / "lenet.npz", **weights)
    images = random(3, 1, 32, 32)
    scores = run(exported("lenet", "export_lenet.py", tmp_path) / "lenet" / "1" / "lenet.mindir", images)
    expected = network(images, weights)
    np.testing.assert_allclose(scores / np.abs(expected).max(), expected / np.abs(expected).max(), atol=1e-3)


def network(x: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    for name in ("conv0", "conv3"):
        patches = np.lib.stride_tricks.sliding_window_view(x, (5, 5), (2, 3))
        x = np.einsum("nchwij,fcij->nfhw", patches, weights[f"{name}.weight"])
        x = np.maximum(x + weights[f"{name}.bias"][:, None, None], 0)
        x = np.maximum.reduce([x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)])
    x = x.reshape(len(x), -1)
    for name in ("dense7", "dense9", "dense11"):
        x = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        x = x if name == "dense11" else np.maximum(x, 0)
    return x
