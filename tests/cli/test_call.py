from pathlib import Path

import numpy as np
import pytest

from salver.cli.call import read_inputs, read_value
from salver.client.api import TensorMetadata
from salver.client.errors import InvalidCall

FLOATS = TensorMetadata("x", "FP32", (-1, 2))
TEXTS = TensorMetadata("x", "BYTES", (-1,))


def test_json_takes_the_declared_type() -> None:
    array = read_value("x", "[[1, 2]]", FLOATS)
    assert (array.dtype, array.tolist()) == (np.float32, [[1, 2]])
    assert read_value("x", "7", TensorMetadata("x", "INT8", (-1, 1))).tolist() == [[7]]


def test_words_need_no_quotes_where_text_is_declared() -> None:
    assert read_value("x", "hello you", TEXTS).tolist() == ["hello you"]
    assert read_value("x", '["a", "b"]', TEXTS).tolist() == ["a", "b"]


@pytest.mark.parametrize(("text", "dtype"), [("[[1, 2]]", np.int64), ("[[1.5, 2]]", np.float64), ("true", np.bool_)])
def test_numbers_go_as_what_they_are_where_text_may_stand_for_anything(text: str, dtype: object) -> None:
    assert read_value("x", text, TensorMetadata("x", "BYTES", (-1, -1))).dtype == dtype


def test_files_are_arrays_or_json_or_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1, 2]], np.int16))
    (tmp_path / "b.json").write_text("[[3, 4]]")
    (tmp_path / "c.png").write_bytes(b"\x89PNG\xff")
    assert read_value("x", f"@{tmp_path}/a.npy", FLOATS).dtype == np.int16
    assert read_value("x", f"@{tmp_path}/b.json", FLOATS).tolist() == [[3, 4]]
    assert read_value("x", f"@{tmp_path}/c.png", TEXTS).tolist() == [b"\x89PNG\xff"]


@pytest.mark.parametrize("shape", [(-1,), (-1, -1)])
def test_a_file_goes_byte_by_byte_to_an_input_of_bytes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "c.png").write_bytes(b"\x89PNG\xff")
    array = read_value("x", f"@{tmp_path}/c.png", TensorMetadata("x", "UINT8", shape))
    assert (array.dtype, array.tobytes()) == (np.uint8, b"\x89PNG\xff")
    assert array.shape == (*[1] * (len(shape) - 1), 5)


def test_an_input_given_twice_is_refused() -> None:
    assert read_inputs(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    with pytest.raises(InvalidCall, match="input 'a' is given twice"):
        read_inputs(["a=1", "a=2"])


@pytest.mark.parametrize("text", ["[[1, 2", "[[1], [2, 3]]", '"one"', "@gone.npy", "@gone.png"])
def test_what_cannot_be_read_names_the_input(text: str) -> None:
    with pytest.raises(InvalidCall, match="input 'x'"):
        read_value("x", text, FLOATS)
