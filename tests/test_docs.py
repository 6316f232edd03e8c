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


def test_the_page_on_versions_is_true(tmp_path: Path) -> None:
    page = Page("docs/versions.md")
    with reader(tmp_path) as person:
        for command, expected in page.commands():
            person.type(command, expected)


@pytest.mark.parametrize("name", ["json", "servicers", "services", "web"])
def test_the_page_is_true(tmp_path: Path, name: str) -> None:
    page = Page(f"docs/{name}.md")
    with reader(tmp_path) as person:
        person.save(page.files())
        for command, expected in page.commands():
            person.type(command, expected)
        for script in page.scripts():
            person.run(script)
