import ml_dtypes
import numpy as np
import pytest

from salver.client.arrays import Array, decoded, encoded
from salver.client.errors import InvalidCall, ServerFailed

NUMBERS = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
NUMBERS += ["float16", "float32", "float64", ml_dtypes.bfloat16]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_come_back_as_they_went(dtype: str) -> None:
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    datatype, raw = encoded("x", array)
    again = decoded("x", datatype, array.shape, raw)
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize(
    "array",
    [np.array(["é", "b"]), np.array([b"\xff", b""], dtype=object), np.array([[b"abc"]])],
)
def test_text_and_bytes_come_back_as_bytes(array: Array) -> None:
    datatype, raw = encoded("x", array)
    wanted = [value.encode() if isinstance(value, str) else bytes(value) for value in array.ravel()]
    assert datatype == "BYTES"
    assert decoded("x", datatype, array.shape, raw).ravel().tolist() == wanted


def test_order_in_memory_is_of_no_consequence() -> None:
    array = np.arange(6, dtype=">i4").reshape(2, 3).T
    datatype, raw = encoded("x", array)
    np.testing.assert_array_equal(decoded("x", datatype, (3, 2), raw), array)


@pytest.mark.parametrize("array", [np.array([1j]), np.array([None]), np.array(["2020-01-01"], dtype="M8[D]")])
def test_what_the_protocol_cannot_say_is_refused_by_name(array: Array) -> None:
    with pytest.raises(InvalidCall, match="input 'x'"):
        encoded("x", array)


@pytest.mark.parametrize(
    ("datatype", "shape", "raw"),
    [("FP32", (2,), b"1234567"), ("FP8", (1,), b"1"), ("BYTES", (1,), b"\x09\0\0\0abc"), ("BYTES", (1,), b"\x09\0")],
)
def test_a_reply_that_does_not_hold_together_is_the_servers_fault(
    datatype: str, shape: tuple[int, ...], raw: bytes
) -> None:
    with pytest.raises(ServerFailed, match="output 'y'"):
        decoded("y", datatype, shape, raw)
