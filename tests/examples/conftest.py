"""The examples, copied to where what they make may lie, and real digits as pictures."""

import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from support.paths import ROOT

Example = Callable[[str], Path]


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """The servable.py of an example that is a folder, whose model is made if it has one."""

    def made(name: str) -> Path:
        folder = tmp_path_factory.mktemp("examples") / name
        shutil.copytree(ROOT / "examples" / name, folder, ignore=shutil.ignore_patterns("__pycache__", "model.*"))
        script = folder / "make_model.py"
        if script.exists():
            subprocess.run([sys.executable, str(script)], check=True, timeout=50)
        return folder / "servable.py"

    return made


@pytest.fixture(scope="session")
def pictures() -> list[tuple[bytes, int]]:
    """Digits in black ink on white paper, as PNG, and what they are."""
    images, labels = load_digits(return_X_y=True)
    return [(_png(image), int(label)) for image, label in zip(images[:50], labels[:50], strict=True)]


def _png(image: np.ndarray) -> bytes:
    grey = np.round(255 - image.reshape(8, 8) * 255 / 16).astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(grey).resize((64, 64), Image.Resampling.NEAREST).save(written, "png")
    return written.getvalue()
