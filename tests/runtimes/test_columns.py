import re

import numpy as np
import pytest

from salver.authoring.spec import Dim, Port
from salver.runtimes.columns import check_columns, leaves
from salver.workers.stage import Column


def port(name: str, dtype: str | None, *dims: Dim) -> Port:
    return Port(name, dtype, dims)


def floats(*shape: int) -> Column:
    return np.zeros(shape, np.float32)


WORDS = port("words", "str", "n")
MATRIX = port("matrix", "float32", "n", 2)
UNDECLARED = Port("any", None, None)


@pytest.mark.parametrize(
    ("ports", "columns"),
    [
        ([MATRIX], [floats(3, 2)]),
        ([MATRIX, WORDS], [floats(2, 2), ["a", "b"]]),
        ([port("x", "float32", "", "")], [floats(1, 2)]),
        ([port("x", "float32")], [floats()]),
        ([Port("x", "float32", None)], [floats(1, 2, 3)]),
        ([port("x", "bytes", "n")], [[b"a"]]),
        ([port("x", "bytes", "n", 2)], [np.array([[b"a", b"b"]], object)]),
        ([UNDECLARED, UNDECLARED], [floats(2), ["a"]]),
        ([port("x", None, 2)], [floats(2)]),
    ],
)
def test_what_fits_is_taken(ports: list[Port], columns: list[Column]) -> None:
    check_columns(ports, columns)


@pytest.mark.parametrize(
    ("ports", "columns", "refusal"),
    [
        ([MATRIX], [], "1 inputs are needed, but 0 were given"),
        ([MATRIX], [floats(3, 3)], "input matrix: float32[n, 2] was given float32[3, 3]"),
        ([MATRIX], [floats(2)], "input matrix: float32[n, 2] was given float32[2]"),
        ([MATRIX], [np.zeros((1, 2))], "input matrix: float32[n, 2] was given float64[1, 2]"),
        ([MATRIX, WORDS], [floats(3, 2), ["a", "b"]], "input words: str[n] was given str[2]"),
        ([MATRIX], [["a"]], "input matrix: float32[n, 2] was given str[1]"),
        ([WORDS], [[b"a"]], "input words: str[n] was given bytes[1]"),
        ([port("x", "str", "n", 2)], [np.array([["a"]], object)], "input x: str[n, 2] was given str[1, 1]"),
        ([port("x", "str", "n", 1)], [np.array([[b"a"]], object)], "input x: str[n, 1] was given bytes[1, 1]"),
        ([port("x", "float32", 1, 1)], [np.array([["a"]], object)], "input x: float32[1, 1] was given str[1, 1]"),
        ([WORDS], [floats(1)], "input words: str[n] was given float32[1]"),
    ],
)
def test_what_does_not_fit_is_refused(ports: list[Port], columns: list[Column], refusal: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(refusal)}$"):
        check_columns(ports, columns)


def test_leaves_come_in_order_out_of_any_nest() -> None:
    assert list(leaves((1, [2, {"b": 3, "a": (4,)}], None))) == [1, 2, 3, 4, None]
    assert list(leaves("text")) == ["text"]
