"""`docs/cluster.md` is true: its commands are typed, and its tables are those of the code."""

from pathlib import Path

from support.http import get
from support.paths import ROOT
from support.reading import Page, reader
from support.waiting import until

from salver.config.settings import WORKER_SETTINGS, settings_table


def test_everything_that_a_reader_types_does_what_is_written_there(tmp_path: Path) -> None:
    with reader(tmp_path) as person:
        for command, expected in Page("docs/cluster.md").commands():
            if command.startswith("salver call"):
                # A person takes longer than a worker takes to join.
                until(lambda: get(person.own("127.0.0.1:8500"), "/servables").json["servables"])
            person.type(command, expected)


def test_the_page_lists_every_setting_of_a_worker() -> None:
    assert settings_table(WORKER_SETTINGS) in (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
