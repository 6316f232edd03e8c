import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salver.problems import Unusable
from salver.runtimes.workers import ModelCode, load_model, read_contract

WORD = {"name": "word", "dtype": "str", "dims": ["n"]}
VECTOR = {"name": "vector", "dtype": "float32", "dims": ["n", 2]}
KIND = {"name": "kind", "dtype": "str", "dims": ["n"]}
ROWS = {"cat": [[1, 2], "animal"], "fern": [[3, 4], "plant"]}


def write(folder: Path, **changes: Any) -> Path:
    form = {"inputs": [WORD], "outputs": [VECTOR, KIND], "rows": ROWS, **changes}
    (folder / "words.table").write_text(json.dumps(form))
    return folder / "words.table"


@pytest.fixture
def words(tmp_path: Path) -> ModelCode:
    return load_model(write(tmp_path), {})


def test_each_row_gets_what_is_written_for_its_key(words: ModelCode) -> None:
    vectors, kinds = words.run([["fern", "cat", "fern"]])
    assert isinstance(vectors, np.ndarray)
    assert (vectors.dtype, vectors.tolist()) == (np.float32, [[3, 4], [1, 2], [3, 4]])
    assert kinds == ["plant", "animal", "plant"]


def test_the_contract_is_what_is_declared(words: ModelCode, tmp_path: Path) -> None:
    assert ", ".join(map(str, words.inputs)) == "word: str[n]"
    assert ", ".join(map(str, words.outputs)) == "vector: float32[n, 2], kind: str[n]"
    assert read_contract(tmp_path / "words.table") == (words.inputs, words.outputs)


def test_an_unknown_key_is_refused(words: ModelCode) -> None:
    with pytest.raises(ValueError, match=r"^'dog' is not in the table$"):
        words.run([["cat", "dog"]])


def test_keys_may_be_integers(tmp_path: Path) -> None:
    inputs = [{"name": "id", "dtype": "int64", "dims": ["n"]}]
    model = load_model(write(tmp_path, inputs=inputs, outputs=[KIND], rows={"7": ["seven"], "-1": ["less"]}), {})
    assert model.run([np.array([-1, 7])]) == [["less", "seven"]]
    with pytest.raises(ValueError, match=r"input id: int64\[n\] was given int32\[1\]"):
        model.run([np.array([7], np.int32)])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"inputs": [WORD, KIND]}, "needs one input of one dimension"),
        ({"inputs": [VECTOR]}, "needs one input of one dimension"),
        ({"inputs": [{**WORD, "dtype": "float32"}]}, "of text or integers"),
        ({"inputs": [{**WORD, "dtype": "bytes"}]}, "of text or integers"),
        ({"outputs": [{**VECTOR, "dims": [2]}]}, "the output 'vector: float32\\[2\\]', which cannot be written down"),
        ({"outputs": [{**KIND, "dtype": "bytes"}]}, "let its dtype be numpy's or str"),
        ({"rows": {}}, "has no rows"),
        ({"rows": [1]}, "has no rows"),
        ({"rows": {"cat": [[1, 2]]}}, "for the key 'cat' no row of vector: float32\\[n, 2\\], kind: str\\[n\\]"),
        ({"rows": {"cat": 5}}, "for the key 'cat' no row"),
        ({"rows": {"cat": [[1, 2, 3], "animal"]}}, r"its 'vector' has the shape \[3\]"),
        ({"rows": {"cat": [["a", "b"], "animal"]}}, "for the key 'cat' no row"),
        ({"rows": {"cat": [[1, 2], 3]}}, "its 'kind' is no text"),
    ],
)
def test_a_wrong_table_is_a_problem(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    with pytest.raises(Unusable, match=what):
        load_model(write(tmp_path, **changes), {})


def test_it_has_no_options(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="its runtime knows none at all"):
        load_model(write(tmp_path), {"threads": 2})
