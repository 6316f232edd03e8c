"""What functions give, as what they promised; every table tells of one kind of promise."""

import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from salver.authoring.contracts import UNDECLARED, Meaning
from salver.workers.servable.promises import Broken, promise

PAIR = Meaning("float32", (2,), array=True)
SCALAR = Meaning("float32", ())
ANY_LENGTH = Meaning("int64", ("n", 2), array=True)
SHAPELESS = Meaning("float32", array=True)
TYPELESS = Meaning(None, (2,), array=True)
ARRAY = Meaning(array=True)
INT, FLOAT, BOOL = (Meaning(name, (), python=True) for name in ("int64", "float64", "bool"))
BYTE = Meaning("uint8", ())
BFLOAT = Meaning("bfloat16", ())
TEXT, OCTETS, JSON = Meaning("str", ()), Meaning("bytes", ()), Meaning("str", (), json=True)
WORDS, OCTET_PAIRS = Meaning("str", ("n",)), Meaning("bytes", ("n", 2))

ONES = np.ones(2, np.float32)


class MindSporeLike:
    def asnumpy(self) -> np.ndarray:
        return ONES


class TorchLike:
    def detach(self) -> "TorchLike":
        return self

    def cpu(self) -> "TorchLike":
        return self

    def numpy(self) -> np.ndarray:
        return ONES


class Unreadable:
    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise RuntimeError("on another device")


def same(given: Any, wanted: Any) -> bool:
    if isinstance(wanted, np.ndarray | np.generic):
        return given.dtype == wanted.dtype and given.shape == wanted.shape and np.array_equal(given, wanted)
    return type(given) is type(wanted) and given == wanted


@pytest.mark.parametrize(
    ("meaning", "value", "wanted"),
    [
        (PAIR, ONES, ONES),
        (PAIR, [1, 1], ONES),
        (PAIR, (1.0, True), ONES),
        (PAIR, ONES.astype(">f4"), ONES),
        (PAIR, MindSporeLike(), ONES),
        (PAIR, TorchLike(), ONES),
        (SCALAR, 1, np.float32(1)),
        (SCALAR, np.float32(1), np.float32(1)),
        (SCALAR, np.array(1, np.float32), np.float32(1)),
        (ANY_LENGTH, np.zeros((5, 2), np.int64), np.zeros((5, 2), np.int64)),
        (ANY_LENGTH, [[1, 2]], np.array([[1, 2]])),
        (SHAPELESS, np.ones((1, 2, 3), np.float32), np.ones((1, 2, 3), np.float32)),
        (TYPELESS, np.array([1, 2], np.int8), np.array([1, 2], np.int8)),
        (ARRAY, np.array(1.5), np.float64(1.5)),
        (INT, 3, np.int64(3)),
        (INT, np.int8(3), np.int64(3)),
        (INT, True, np.int64(1)),
        (FLOAT, 3, np.float64(3)),
        (FLOAT, np.float32(0.5), np.float64(0.5)),
        (FLOAT, np.array(2), np.float64(2)),
        (BOOL, True, np.True_),
        (BYTE, 255, np.uint8(255)),
        (BFLOAT, 1.5, ml_dtypes.bfloat16(1.5)),
        (BFLOAT, ml_dtypes.bfloat16(1.5), ml_dtypes.bfloat16(1.5)),
        (TEXT, "schön", "schön"),
        (TEXT, np.array("text"), "text"),
        (OCTETS, b"\xff", b"\xff"),
        (OCTETS, bytearray(b"ab"), b"ab"),
        (OCTETS, memoryview(b"ab"), b"ab"),
        (WORDS, ["a", "ö"], np.array(["a", "ö"], object)),
        (WORDS, np.array([]), np.array([], object)),
        (OCTET_PAIRS, np.array([[b"a", b"b"]]), np.array([[b"a", b"b"]], object)),
        (JSON, {"ä": [1, None]}, '{"ä":[1,null]}'),
        (JSON, [np.float32(0.5), np.arange(2)], "[0.5,[0,1]]"),
        (JSON, "text", '"text"'),
        (UNDECLARED, "text", "text"),
        (UNDECLARED, b"octets", b"octets"),
        (UNDECLARED, 1.5, np.float64(1.5)),
        (UNDECLARED, [1, 2], np.array([1, 2])),
        (UNDECLARED, ONES, ONES),
    ],
)
def test_what_was_promised_for_a_row_is_taken(meaning: Meaning, value: Any, wanted: Any) -> None:
    assert same(promise(meaning).row(value), wanted)


@pytest.mark.parametrize(
    ("meaning", "value", "given", "promised", "remedy"),
    [
        (PAIR, np.ones(2), "float64[2]", "float32[2]", ".astype(np.float32)"),
        (PAIR, np.ones(3, np.float32), "float32[3]", "float32[2]", "give that shape"),
        (PAIR, np.ones((1, 2), np.float32), "float32[1, 2]", "float32[2]", "give that shape"),
        (PAIR, [np.float64(1), np.float64(2)], "float64[2]", "float32[2]", ".astype(np.float32)"),
        (PAIR, None, "nothing", "float32[2]", "`return`"),
        (PAIR, "text", "a str", "float32[2]", "array of numbers"),
        (PAIR, [[1], [2, 3]], "a list that numpy cannot read", "float32[2]", "equally long lists"),
        (PAIR, Unreadable(), "an Unreadable that numpy cannot read (on another device)", "float32[2]", "array"),
        (PAIR, np.ones(2, np.complex64), "complex64[2]", "float32[2]", "array of numbers"),
        (PAIR, np.array(["a", None]), "object[2]", "float32[2]", "array of numbers"),
        (SCALAR, np.float64(1), "float64", "float32", ".astype(np.float32)"),
        (ANY_LENGTH, np.zeros((5, 3), np.int64), "int64[5, 3]", "int64[n, 2]", "give that shape"),
        (TYPELESS, np.ones(3), "float64[3]", "any[2]", "give that shape"),
        (INT, 1.5, "float64", "int64", "astype"),
        (INT, np.float32(1), "float32", "int64", "astype"),
        (INT, 2**63, "9223372036854775808", "int64", "within its range"),
        (BOOL, 1, "int64", "bool", "astype"),
        (BYTE, 256, "256", "uint8", "within its range"),
        (BYTE, -1, "-1", "uint8", "within its range"),
        (TEXT, b"octets", "a bytes", "str", "convert it to str"),
        (TEXT, 3, "an int", "str", "convert it to str"),
        (TEXT, "\ud800", "text that is no Unicode", "text", "decode it properly"),
        (OCTETS, "text", "a str", "bytes", "convert it to bytes"),
        (WORDS, "text", "a str of the shape []", "str[n]", "give that shape"),
        (WORDS, [b"a"], "a bytes", "str", "convert it to str"),
        (OCTET_PAIRS, [[b"a"]], "a list of the shape [1, 1]", "bytes[n, 2]", "give that shape"),
        (OCTET_PAIRS, [[b"a", b"b"], [b"c"]], "a list of the shape [2]", "bytes[n, 2]", "give that shape"),
        (JSON, {1, 2}, "a set that is no JSON document (it holds a set)", "one", "what JSON knows"),
        (JSON, float("nan"), "a float that is no JSON document", "one", "what JSON knows"),
        (JSON, "\ud800", "text that is no Unicode", "text", "decode it properly"),
        (UNDECLARED, (1, 2), "2 values", "one", "-> tuple[..., ...]"),
        (UNDECLARED, {"a": 1}, "a dict", "an array, a number, text or bytes", "TypedDict"),
        (UNDECLARED, None, "nothing", "any", "`return`"),
        (UNDECLARED, object(), "an object", "any", "array of numbers"),
    ],
)
def test_anything_else_for_a_row_is_refused(
    meaning: Meaning, value: Any, given: str, promised: str, remedy: str
) -> None:
    with pytest.raises(Broken) as refused:
        promise(meaning).row(value)
    assert refused.value.given.startswith(given)
    assert refused.value.promised == promised
    assert remedy in refused.value.remedy


ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.mark.parametrize(
    ("meaning", "value", "wanted"),
    [
        (PAIR, ROWS, ROWS),
        (PAIR, ROWS.tolist(), ROWS),
        (PAIR, list(ROWS), ROWS),
        (PAIR, ROWS.astype(">f4"), ROWS),
        (ANY_LENGTH, np.zeros((3, 5, 2), np.int64), np.zeros((3, 5, 2), np.int64)),
        (FLOAT, [1, 2, 3], np.array([1.0, 2.0, 3.0])),
        (FLOAT, np.arange(3.0), np.arange(3.0)),
        (SHAPELESS, ROWS, ROWS),
        (TYPELESS, ROWS, ROWS),
        (ARRAY, ROWS, ROWS),
        (TEXT, ("a", "b", "c"), ["a", "b", "c"]),
        (TEXT, np.array(["a", "b", "c"]), ["a", "b", "c"]),
        (OCTETS, [b"a", bytearray(b"b"), b"c"], [b"a", b"b", b"c"]),
        (WORDS, [["a"], ["b"], ["c"]], np.array([["a"], ["b"], ["c"]], object)),
        (JSON, [{}, 1, None], ["{}", "1", "null"]),
        (UNDECLARED, ["a", "b", "c"], ["a", "b", "c"]),
        (UNDECLARED, np.array(["a", "b", "c"], object), ["a", "b", "c"]),
        (UNDECLARED, [b"a", b"b", b"c"], [b"a", b"b", b"c"]),
        (UNDECLARED, [1, 2, 3], np.array([1, 2, 3])),
        (UNDECLARED, ROWS, ROWS),
    ],
)
def test_what_was_promised_for_a_batch_is_taken(meaning: Meaning, value: Any, wanted: Any) -> None:
    assert same(promise(meaning).batch(value, 3), wanted)


@pytest.mark.parametrize(
    ("meaning", "value", "given", "promised", "remedy"),
    [
        (PAIR, ROWS[:2], "float32[2, 2]", "float32[3, 2] for 3 rows", "one output for each row"),
        (PAIR, ROWS.astype(np.float64), "float64[3, 2]", "float32[3, 2] for 3 rows", ".astype(np.float32)"),
        (PAIR, np.zeros((3, 3), np.float32), "float32[3, 3]", "float32[3, 2] for 3 rows", "give that shape"),
        (PAIR, np.float32(1), "float32", "float32[3, 2] for 3 rows", "one output for each row"),
        (FLOAT, np.arange(3, dtype=np.float32), "float32[3]", "float64[3] for 3 rows", "astype"),
        (ARRAY, np.float32(1), "float32", "any[3] for 3 rows", "one output for each row"),
        (TEXT, "abc", "a str", "a list of 3 for 3 rows", "a list with one str for each row"),
        (TEXT, ["a", "b"], "a list of 2", "a list of 3 for 3 rows", "in their order"),
        (TEXT, ["a", "b", 3], "an int", "str", "convert it"),
        (WORDS, [["a"], ["b"]], "a list of the shape [2, 1]", "str[3, n]", "give that shape"),
        (JSON, {"a": 1}, "a dict", "a list of 3 for 3 rows", "a list with one document"),
        (UNDECLARED, "abc", "a str", "a list of 3 for 3 rows", "a list with one value"),
        (UNDECLARED, ["a", "b", 3], "an int", "str", "convert it"),
        (UNDECLARED, (ROWS, ROWS), "2 values", "one", "-> tuple"),
        (UNDECLARED, [], "float64[0]", "any[3] for 3 rows", "one output for each row"),
    ],
)
def test_anything_else_for_a_batch_is_refused(
    meaning: Meaning, value: Any, given: str, promised: str, remedy: str
) -> None:
    with pytest.raises(Broken) as refused:
        promise(meaning).batch(value, 3)
    assert (refused.value.given, refused.value.promised) == (given, promised)
    assert re.search(re.escape(remedy), refused.value.remedy)


def test_arrays_of_a_batch_lie_in_order() -> None:
    given = promise(PAIR).batch(np.arange(6, dtype=np.float32).reshape(2, 3).T, 3)
    assert isinstance(given, np.ndarray)
    assert given.flags.c_contiguous
    assert given.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_what_is_as_promised_is_not_copied() -> None:
    assert promise(PAIR).batch(ROWS, 3) is ROWS
    assert promise(PAIR).row(ONES) is ONES
