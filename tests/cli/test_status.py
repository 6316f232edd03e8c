from salver.cli.status import table


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_with_text() -> None:
    assert table([("a", "b", "c"), ("long", "x", "")]) == "a     b  c\nlong  x"
