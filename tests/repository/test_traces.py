import os
from pathlib import Path

import pytest

from salver.repository.traces import Calm, trace


def test_a_trace_changes_with_whatever_is_below(tmp_path: Path) -> None:
    seen = {trace(tmp_path / "m")}
    file = tmp_path / "m" / "1" / "variables" / "data"
    for change in (
        lambda: file.parent.mkdir(parents=True),
        lambda: file.write_bytes(b"half"),
        lambda: file.write_bytes(b"whole"),
        lambda: os.utime(file, ns=(0, 0)),
        lambda: file.rename(file.with_name("other")),
        lambda: (tmp_path / "m" / "2").symlink_to("nowhere"),
    ):
        change()
        assert trace(tmp_path / "m") == trace(tmp_path / "m")
        seen.add(trace(tmp_path / "m"))
    assert len(seen) == 7


def test_a_path_that_no_file_system_has_leaves_a_trace_as_any_other(tmp_path: Path) -> None:
    for name in ("x\0", "x" * 300):
        assert trace(tmp_path / name) == trace(tmp_path / name)


def test_what_is_hidden_or_comes_from_running_leaves_no_trace(tmp_path: Path) -> None:
    before = trace(tmp_path)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "__pycache__").mkdir()
    assert trace(tmp_path) == before


def test_circles_of_links_have_an_end(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to(tmp_path)
    assert isinstance(trace(tmp_path), int)


@pytest.mark.parametrize(
    ("looks", "acted"),
    [
        ([0, 0, 0], []),
        ([1, 1, 1], [1]),
        ([1, 2, 3, 3, 3], [3]),
        ([1, 0, 0], []),
        ([1, 1, 0, 0], [1, 3]),
        ([1, 2, 3, 4, 5, 6, 7, 8], [3, 7]),
    ],
)
def test_a_change_is_acted_on_when_it_is_over_or_has_lasted_too_long(looks: list[int], acted: list[int]) -> None:
    calm = Calm(0, patience=4)
    assert [turn for turn, seen in enumerate(looks) if calm.over(seen)] == acted
