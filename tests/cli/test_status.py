import pytest

from salver.cli.status import _rows, table


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_with_text() -> None:
    assert table([("a", "b", "c"), ("long", "x", "")]) == "a     b  c\nlong  x"


@pytest.mark.parametrize(
    ("method", "shown"),
    [({"batched": True}, "yes"), ({"batched": False}, "no"), ({"batched": True, "sequence": True}, "no")],
)
def test_rows_that_are_answered_by_sequences_do_not_run_together(method: dict[str, bool], shown: str) -> None:
    form = {"name": "m", "inputs": [], "outputs": [], **method}
    version = {"version": 1, "state": "ready", "runtime": "python", "methods": [form]}
    [row] = _rows({"name": "s", "versions": [version]})
    assert row[-1] == shown
