import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import salver


def test_a_test_makes_the_context_that_it_needs() -> None:
    told = salver.Context({"user": "ann"}, {"top": 3}, 2.5, "cuda:0")
    assert (told.metadata, told.parameters) == ({"user": "ann"}, {"top": 3})
    assert (told.deadline, told.cancelled, told.device) == (2.5, False, "cuda:0")
    nothing = salver.Context()
    assert (nothing.metadata, nothing.parameters, nothing.deadline, nothing.device) == ({}, {}, None, "cpu")


def test_invalid_input_may_name_a_row() -> None:
    assert str(salver.InvalidInput("too long", row=3)) == "too long"
    assert (salver.InvalidInput("too long", row=3).row, salver.InvalidInput("too long").row) == (3, None)


def test_a_row_is_a_whole_number_of_any_kind() -> None:
    assert salver.InvalidInput("too long", row=np.arange(4)[3]).row == 3


@pytest.mark.parametrize("row", ["a", 1.0, np.arange(2), [1]])
def test_a_row_that_is_no_number_is_told_where_it_is_named(row: Any) -> None:
    with pytest.raises(TypeError, match=r"names row=.*, which is no whole number: name the one row"):
        salver.InvalidInput("too long", row=row)


def test_importing_salver_imports_nothing_of_it() -> None:
    code = "import sys, salver; print([name for name in sys.modules if name.startswith(('salver.', 'numpy'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in salver.__all__:
        assert getattr(salver, name) is not None
    assert set(salver.__all__) == set(dir(salver))
