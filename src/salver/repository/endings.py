"""How model files are told from others: by how their names end, or by their whole names."""

from collections.abc import Container
from pathlib import Path

SAVED_MODEL = "saved_model.pb"
"""The file of a SavedModel, which is a folder, that is read first."""


def ending(file: Path, known: Container[str]) -> str | None:
    """Which of these the file has: its whole name, such as SAVED_MODEL, or its suffix, such as `.onnx`; else None."""
    return next((each for each in (file.name, file.suffix) if each and each in known), None)
