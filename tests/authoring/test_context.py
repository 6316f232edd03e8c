import subprocess
import sys

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


def test_importing_salver_imports_nothing_of_it() -> None:
    code = "import sys, salver; print([name for name in sys.modules if name.startswith(('salver.', 'numpy'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in salver.__all__:
        assert getattr(salver, name) is not None
    assert set(salver.__all__) == set(dir(salver))
