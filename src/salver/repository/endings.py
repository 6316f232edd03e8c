"""How model files are told from others: by how their names end, or by their whole names."""

from collections.abc import Container
from pathlib import Path


def ending(file: Path, known: Container[str]) -> str | None:
    """Which of these the file has: its name, such as `saved_model.pb`, or its suffix, such as `.onnx`; else None."""
    return next((each for each in (file.name, file.suffix) if each and each in known), None)
