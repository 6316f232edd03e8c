import struct
from typing import Any

import numpy as np
import pytest
from support.saved_models import FLOAT, INT32, STRING, number, shape, tensor, texts, varint

from salver.runtimes.protobuf import Malformed, Message, field
from salver.runtimes.tensor_proto import array_of, constant

HALF, BFLOAT16, INT8, UINT8, BOOL, UINT64 = 19, 14, 6, 4, 10, 23
NEGATIVE = 2**64 - 1


def proto(dtype: int, dims: list[int], *rest: bytes) -> Message:
    return Message(number(1, dtype) + field(2, shape(dims)) + b"".join(rest))


def packed(at: int, *values: int) -> bytes:
    return field(at, b"".join(map(varint, values)))


@pytest.mark.parametrize(
    ("given", "dtype", "values"),
    [
        (Message(tensor(FLOAT, [2, 1], 1.5, -2)), "float32", [[1.5], [-2]]),
        (proto(FLOAT, [2], field(5, struct.pack("<2f", 1, 2))), "float32", [1, 2]),
        (proto(FLOAT, [3], field(5, struct.pack("<f", 7))), "float32", [7, 7, 7]),
        (proto(FLOAT, [2]), "float32", [0, 0]),
        (proto(FLOAT, [1], field(5, struct.pack("<3f", 1, 2, 3))), "float32", [1]),
        (proto(FLOAT, [0, 2]), "float32", np.zeros((0, 2)).tolist()),
        (proto(FLOAT, [], field(5, struct.pack("<f", 7))), "float32", 7),
        (proto(2, [1], field(6, struct.pack("<d", 0.1))), "float64", [0.1]),
        (proto(INT32, [2], packed(7, 5, NEGATIVE)), "int32", [5, -1]),
        (proto(INT8, [2], packed(7, 300, NEGATIVE)), "int8", [44, -1]),
        (proto(UINT8, [1], number(7, 255)), "uint8", [255]),
        (proto(9, [1], number(10, 2**40)), "int64", [2**40]),
        (proto(BOOL, [2], packed(11, 1, 0)), "bool", [True, False]),
        (proto(22, [1], number(16, 2**32 - 1)), "uint32", [2**32 - 1]),
        (proto(UINT64, [1], number(17, NEGATIVE)), "uint64", [NEGATIVE]),
        (proto(HALF, [2], packed(13, 0x3C00, 0xABCD0000 + 0x4000)), "float16", [1, 2]),
        (proto(BFLOAT16, [1], number(13, 0x3F80)), "bfloat16", [1]),
        (proto(BFLOAT16, [1], field(4, b"\x80\x3f")), "bfloat16", [1]),
    ],
)
def test_every_form_of_a_tensor_is_read(given: Message, dtype: str, values: Any) -> None:
    array = array_of(given)
    assert isinstance(array, np.ndarray)
    assert array.dtype.name == dtype
    assert array.astype(float if "float" in dtype else array.dtype).tolist() == values


def test_text_is_a_list_of_rows() -> None:
    assert array_of(Message(texts(b"a", b"b"))) == [b"a", b"b"]
    assert array_of(proto(STRING, [3], field(8, b"a"))) == [b"a", b"a", b"a"]
    assert array_of(proto(STRING, [], field(8, b"one"))) == [b"one"]


def test_rows_of_more_than_one_text_are_an_array() -> None:
    array = array_of(proto(STRING, [2, 2], field(8, b"a") + field(8, b"b")))
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [[b"a", b"b"], [b"b", b"b"]]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (proto(8, [1]), "DT_COMPLEX64"),
        (proto(99, [1]), "the unknown type 99"),
        (proto(FLOAT, [2**40, 2**40]), "more than 100 MiB"),
        (proto(FLOAT, [-1]), "an unknown shape"),
        (Message(number(1, FLOAT) + field(2, number(3, 1))), "an unknown shape"),
        (proto(FLOAT, [2], field(4, bytes(7))), "7 bytes in a tensor of float32"),
        (proto(FLOAT, [1], field(5, bytes(3))), "ends in the middle"),
        (proto(STRING, [10**9]), "1000000000 texts"),
        (proto(INT32, [1], field(7, b"\xff")), "ends in the middle"),
    ],
)
def test_what_is_no_tensor_is_told(given: Message, what: str) -> None:
    with pytest.raises(Malformed, match=what):
        array_of(given)


def test_types_have_tensorflows_names() -> None:
    assert [constant(each) for each in (1, 3, 7, 19, 20)] == [
        "DT_FLOAT",
        "DT_INT32",
        "DT_STRING",
        "DT_HALF",
        "DT_RESOURCE",
    ]
