from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.programs import load, run

from salver.problems import Unusable

SOURCE = """
@salver.function(example={"x": [1, 2], "document": {"a": 1}})
def own(x: Pair, document: salver.Json, more: str = "none") -> str:
    return [str(each) for each in document]

@salver.function
def whole(pair: Pair, any_length: Int64[np.ndarray, "n"], single: int, text: str, raw: bytes, more: str = "") -> int:
    return single

@salver.stage
def check(x: Pair) -> Pair:
    return x

@salver.method
def inferred(x):
    return check(x)

@salver.method(example={"x": [3, 4]})
def of_a_method(x):
    return check(x)

@salver.function
def undeclared(x) -> int:
    return x

@salver.function
def shapeless(x: Float32[np.ndarray, "..."]) -> int:
    return x

@salver.function
def document(x: salver.Json) -> int:
    return x

@salver.function
def all_optional(x: int = 0) -> int:
    return x
"""


def plain(columns: list[Any]) -> list[Any]:
    return [(each.dtype.name, each.tolist()) if isinstance(each, np.ndarray) else each for each in columns]


def test_an_authors_example_is_one_row(tmp_path: Path) -> None:
    program = load(tmp_path, SOURCE)
    own = program.examples["own"]
    assert own.own
    assert plain(own.columns) == [("float32", [[1, 2]]), ['{"a":1}'], ("bool", [[]])]
    assert run(program, "own", *own.columns) == [["{'a': 1}"]]
    assert plain(program.examples["of_a_method"].columns) == [("float32", [[3, 4]])]


def test_a_row_is_made_up_of_a_contract_that_says_enough(tmp_path: Path) -> None:
    program = load(tmp_path, SOURCE)
    made = program.examples["whole"]
    assert not made.own
    assert [np.shape(each) for each in made.columns] == [(1, 2), (1, 8), (1,), (1,), (1,), (1, 0)]
    assert run(program, "whole", *made.columns)[0].shape == (1,)
    assert program.examples["inferred"].columns[0].dtype == np.float32
    assert set(program.examples) == {"own", "whole", "inferred", "of_a_method"}


@pytest.mark.parametrize(
    ("example", "what", "remedy"),
    [
        ({}, "has no 'x'", "one value for each of x"),
        ({"x": [1, 2], "z": 1}, "has 'z', which is no input", "one value for each of x"),
        ({"x": [1, 2, 3]}, "has float32[3] as 'x', which takes float32[2]", "that shape"),
    ],
)
def test_an_example_that_is_none_is_refused(tmp_path: Path, example: object, what: str, remedy: str) -> None:
    with pytest.raises(Unusable) as refused:
        load(tmp_path, f"@salver.function(example={example!r})\ndef f(x: Pair) -> int: ...")
    assert what in refused.value.problem.what
    assert remedy in refused.value.problem.remedy
