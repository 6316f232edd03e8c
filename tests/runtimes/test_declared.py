import json
from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.runtimes.declared import check_options, declared_signature, json_object

FILE = Path("model.kind")
X = {"name": "x", "dtype": "float32", "dims": ["n", 4]}


def test_ports_are_as_declared() -> None:
    outputs = [{"name": "text", "dtype": "str", "dims": ["n"]}, {"name": "sum", "dtype": "int64", "dims": []}]
    signature = declared_signature(FILE, {"inputs": [X], "outputs": outputs})
    assert ", ".join(map(str, (*signature.inputs, *signature.outputs))) == "x: float32[n, 4], text: str[n], sum: int64"


@pytest.mark.parametrize(
    ("inputs", "what"),
    [
        ([], "declares no inputs"),
        ("x", "declares no inputs"),
        (["x"], 'declares among its inputs "x"'),
        ([{"name": "x"}], 'declares among its inputs {"name": "x"}'),
        ([{**X, "shape": []}], "declares among its inputs"),
        ([{**X, "name": ""}], "declares among its inputs"),
        ([X, X], "declares two inputs of one name"),
        ([{**X, "dtype": "double"}], "declares 'x' with the dtype 'double'"),
        ([{**X, "dtype": "str"}], "declares 'x' with the dtype 'str' and 2 dims"),
        ([{**X, "dims": [-1, 4]}], r"declares 'x' with the dims \[-1, 4\]"),
        ([{**X, "dims": [True]}], r"declares 'x' with the dims \[true\]"),
        ([{**X, "dims": [2.5]}], r"declares 'x' with the dims \[2\.5\]"),
    ],
)
def test_a_wrong_declaration_is_a_problem(inputs: object, what: str) -> None:
    with pytest.raises(Unusable, match=what):
        declared_signature(FILE, {"inputs": inputs, "outputs": [X]})


@pytest.mark.parametrize("text", ["", "{", "[1]", b"\xff\xfe\xfd", "3", "[" * 100_000])
def test_a_declaration_is_a_json_object(text: str | bytes) -> None:
    with pytest.raises(Unusable, match="holds a declaration that is no JSON"):
        json_object(FILE, text)


def test_any_json_object_is_read() -> None:
    assert json_object(FILE, json.dumps({"a": 1})) == {"a": 1}


def test_an_unknown_option_is_named_with_those_there_are() -> None:
    check_options(FILE, {"threads": 1}, ("threads", "device"))
    with pytest.raises(Unusable, match="unknown option 'treads'\n  remedy: its runtime knows threads, device"):
        check_options(FILE, {"treads": 1}, ("threads", "device"))
    with pytest.raises(Unusable, match="unknown option 'x', 'y'\n  remedy: its runtime knows none at all"):
        check_options(FILE, {"x": 1, "y": 2}, ())
