"""The pages of `docs/` are true: their blocks are run as they stand there. See `support.reading`."""

from pathlib import Path

import pytest
from onnx import save
from support.reading import Page, reader

from examples.models import digits, trained_digits

PYTHON = Page("docs/python.md")


def test_the_reference_for_python_is_true(tmp_path: Path) -> None:
    with reader(tmp_path) as person:
        person.save(PYTHON.files())
        classifier, _, _, _ = trained_digits()
        save(digits(classifier), tmp_path / "kitchen" / "read" / "digits.onnx")
        person.type("salver serve kitchen &", "...\nready after ... s")
        for command, expected in PYTHON.commands():
            person.type(command, expected)
        for script in PYTHON.scripts():
            person.run(script)


@pytest.mark.parametrize("page", ["docs/versions.md", "docs/tensorflow_operations.md"])
def test_what_is_typed_does_what_is_written_there(tmp_path: Path, page: str) -> None:
    with reader(tmp_path) as person:
        for command, expected in Page(page).commands():
            person.type(command, expected)
