"""KServe's raw bytes."""

import numpy as np
import pytest

from benchmarks.raw import Array, from_raw, objects, to_raw


@pytest.mark.parametrize(
    ("array", "datatype", "raw"),
    [
        (np.array([[1.0, 2.0]], np.float32), "FP32", b"\x00\x00\x80?\x00\x00\x00@"),
        (np.array([7]), "INT64", b"\x07\0\0\0\0\0\0\0"),
        (objects([b"seven", b""]), "BYTES", b"\x05\0\0\0seven\0\0\0\0"),
    ],
)
def test_numbers_are_as_in_memory_and_texts_stand_behind_their_lengths(array: Array, datatype: str, raw: bytes) -> None:
    assert to_raw(array) == raw
    np.testing.assert_array_equal(from_raw(raw, datatype, array.shape), array)
