"""The README is true: its blocks are run as they stand there, in order.

`toml` is a servable's settings; `sh` names targets of the Makefile; for the others see `support.reading`.
"""

import re
import subprocess
from pathlib import Path

from support.paths import ROOT
from support.reading import Page, reader

from salver.repository.policies import Latest
from salver.repository.settings import read_settings

README = Page("README.md")


def test_everything_that_a_reader_types_does_what_is_written_there(tmp_path: Path) -> None:
    with reader(tmp_path) as person:
        person.save(README.files())
        for command, expected in README.commands():
            person.type(command, expected)
        for script in README.scripts():
            person.run(script)


def test_the_settings_of_a_servable_can_be_read(tmp_path: Path) -> None:
    [text] = README.of("toml")
    (tmp_path / "salver.toml").write_text(text)
    settings = read_settings(tmp_path / "salver.toml")
    assert (settings.max_batch_size, settings.max_wait_ms, settings.versions) == (64, 2, Latest(2))


def test_the_index_has_every_page() -> None:
    named = re.findall(r"^\| \[(docs/\w+\.md)\]", README.text, re.M)
    assert sorted(named) == sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))


def test_make_knows_its_targets() -> None:
    named = [line.split()[1] for block in README.of("sh") for line in block.splitlines()]
    named += re.findall(r"`make (\w+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert named
    for target in named:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True, timeout=50)
