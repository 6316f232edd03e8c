"""Links between pages lead somewhere, and commands in blocks that are not run are commands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT

from salver.cli.main import make_parser

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def anchors(page: Path) -> set[str]:
    """What follows `#` in links to this page's headings."""
    headings: list[str] = re.findall(r"^#+ (.+)$", _without_blocks(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def _links(page: Path) -> Iterator[tuple[Path, str]]:
    """The file and the heading of every link that stays within the project."""
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_blocks(page)):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            yield (page.parent / name if name else page), anchor


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    for file, anchor in _links(ROOT / name):
        assert file.exists(), file
        assert not anchor or anchor in anchors(file), f"{file}#{anchor}"


def test_paths_of_the_architecture_are_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:crates|src|tests|examples|fuzz|scripts)/[\w./]*\w", text))
    assert len(named) > 50
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_shown_is_one(name: str) -> None:
    """Of those with flags; what they do is shown by the blocks that are run."""
    text = "\n".join(re.findall(r"^```(?:text|sh|ini)\n(.*?)^```$", (ROOT / name).read_text("utf-8"), re.M | re.S))
    for line in text.replace("\\\n", " ").splitlines():
        found = re.search(r"\bsalver ((?:serve|worker|check|call|status) .*)", line)
        if found:
            make_parser().parse_args(shlex.split(found[1], comments=True))
