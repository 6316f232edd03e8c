from typing import Any

import numpy as np
import pytest

from salver.workers.results import Results, one_row
from salver.workers.stage import Failure, Piece

BROKEN = Failure("broken")


def gathered(*rows: Any) -> list[Any]:
    results = Results(len(rows))
    for row in rows:
        if isinstance(row, Failure):
            results.fail(row)
        else:
            results.add(row)
    return results.all()


def plain(outcome: Any) -> Any:
    """Columns as lists, with the type of arrays."""
    if isinstance(outcome, Piece):
        return outcome.rows, outcome.outcome if isinstance(outcome.outcome, Failure) else plain(outcome.outcome)
    return [(each.dtype.name, each.tolist()) if isinstance(each, np.ndarray) else each for each in outcome]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([[np.float32(1)], [np.float32(2)]], [("float32", [1, 2])]),
        ([[np.array([1, 2])], [np.array([3, 4])]], [("int64", [[1, 2], [3, 4]])]),
        ([["a", b"b", np.int8(1)], ["c", b"d", np.int8(2)]], [["a", "c"], [b"b", b"d"], ("int8", [1, 2])]),
    ],
)
def test_rows_that_are_alike_become_columns(rows: list[Any], wanted: list[Any]) -> None:
    assert plain(gathered(*rows)) == wanted


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([["a"], BROKEN, ["b"], ["c"]], [(1, [["a"]]), (1, BROKEN), (2, [["b", "c"]])]),
        ([BROKEN, BROKEN], [(1, BROKEN), (1, BROKEN)]),
        ([[np.zeros(1)], [np.zeros(2)]], [(1, [("float64", [[0]])]), (1, [("float64", [[0, 0]])])]),
        ([[np.int8(0)], [np.int16(0)]], [(1, [("int8", [0])]), (1, [("int16", [0])])]),
        ([["a"], [b"a"]], [(1, [["a"]]), (1, [[b"a"]])]),
    ],
)
def test_others_become_pieces_in_their_order(rows: list[Any], wanted: list[Any]) -> None:
    assert [plain(each) for each in gathered(*rows)] == wanted


def test_a_buffer_may_be_given_again_and_again() -> None:
    results, buffer = Results(2), np.zeros(2)
    for value in (1, 2):
        buffer[:] = value
        results.add([buffer])
    assert plain(results.all()) == [("float64", [[1, 1], [2, 2]])]


def test_one_row_has_a_leading_dimension_and_lies_in_order() -> None:
    number, array, text = one_row([np.float32(1), np.arange(4).reshape(2, 2).T, "a"])
    assert isinstance(array, np.ndarray)
    assert (np.shape(number), np.shape(array), text) == ((1,), (1, 2, 2), ["a"])
    assert array.flags.c_contiguous
