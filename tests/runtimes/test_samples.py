import math
import struct

import pytest

from salver.authoring.spec import Port
from salver.runtimes.samples import Guess, Tensor, agree, as_json, guesses, stacked, two_rows

WIDTHS = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2}
WIDTHS |= {"int32": 4, "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8}


def floats(shape: list[int], *values: float) -> Tensor:
    return ("float32", shape, struct.pack(f"<{len(values)}f", *values))


@pytest.mark.parametrize("dtype", [*WIDTHS, "str"])
@pytest.mark.parametrize("dims", [(), (3,), (40, "width"), (0,)])
def test_two_rows_have_the_declared_shape_and_differ(dtype: str, dims: tuple[int | str, ...]) -> None:
    guess = Guess(length=60, integers=(0, 1))
    [first], [second] = two_rows([Port("x", dtype, dims)], guess)
    shape = guess.shape(dims)
    assert first[:2] == second[:2] == (dtype, shape)
    assert (first[2] != second[2]) == (math.prod(shape) > 0)
    assert len(first[2]) == math.prod(shape) * WIDTHS.get(dtype, 1)


def test_integers_can_index_the_smallest_table() -> None:
    [(_, _, data)], _ = two_rows([Port("index", "int32", (500,))], Guess(1, (0, 1)))
    assert isinstance(data, bytes)
    assert set(struct.unpack("<500i", data)) == {0, 1}


def test_only_free_dimensions_are_guessed_in_several_ways() -> None:
    assert {guess.length for guess in guesses([Port("x", "float32", (2,))])} == {1}
    assert len({guess.length for guess in guesses([Port("x", "float32", ("n",))])}) > 1


def test_stacking_puts_rows_one_after_the_other() -> None:
    rows = [[floats([2], 1, 2), ("str", [], [b"a"])], [floats([2], 3, 4), ("str", [], [b"b"])]]
    assert stacked(rows) == [floats([2, 2], 1, 2, 3, 4), ("str", [2], [b"a", b"b"])]


@pytest.mark.parametrize(
    ("together", "apart", "wanted"),
    [
        (floats([2], 1, 2), [floats([1], 1), floats([1], 2)], True),
        (floats([2], 100, 2), [floats([1], 100.01), floats([1], 2)], True),
        (floats([2], 1, 2), [floats([1], 1), floats([1], 2.1)], False),
        (floats([2], 1, 2), [floats([1], 2), floats([1], 1)], False),
        (floats([2], math.nan, 2), [floats([1], math.nan), floats([1], 2)], True),
        (floats([2], math.inf, 2), [floats([1], math.inf), floats([1], 2)], True),
        (floats([2], math.inf, 2), [floats([1], -math.inf), floats([1], 2)], False),
        (floats([1], 1), [floats([1], 1), floats([1], 1)], False),
        (floats([2, 1], 1, 2), [floats([1], 1), floats([1], 2)], False),
        (floats([2], 1, 2), [("float64", [1], bytes(8)), floats([1], 2)], False),
        (("int32", [2], b"\1\0\0\0\2\0\0\0"), [("int32", [1], b"\1\0\0\0"), ("int32", [1], b"\2\0\0\0")], True),
        (("int32", [2], b"\1\0\0\0\2\0\0\0"), [("int32", [1], b"\1\0\0\0"), ("int32", [1], b"\3\0\0\0")], False),
        (("str", [2], [b"a", b"b"]), [("str", [1], [b"a"]), ("str", [1], [b"b"])], True),
        (("str", [2], [b"a", b"b"]), [("str", [1], [b"a"]), ("str", [1], [b"c"])], False),
    ],
)
def test_a_batch_agrees_with_its_rows_within_what_its_type_can_tell(
    together: Tensor, apart: list[Tensor], wanted: bool
) -> None:
    assert agree(together, apart) is wanted


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_short_floats_are_compared_as_numbers(dtype: str) -> None:
    bits = {"float16": (0x3C00, 0x3C01, 0x4000), "bfloat16": (0x3F80, 0x3F81, 0x4000)}[dtype]
    one, nearly_one, two = (struct.pack("<H", value) for value in bits)
    assert agree((dtype, [2], one + two), [(dtype, [1], nearly_one), (dtype, [1], two)])
    assert not agree((dtype, [2], one + two), [(dtype, [1], two), (dtype, [1], two)])


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        (("float32", [1, 2], struct.pack("<2f", 1.5, -2)), [[1.5, -2.0]]),
        (("int64", [2, 1, 2], struct.pack("<4q", 1, 2, 3, 4)), [[[1, 2]], [[3, 4]]]),
        (("bool", [1, 2], b"\1\0"), [[True, False]]),
        (("bfloat16", [1], b"\xc0\x3f"), [1.5]),
        (("uint8", [], b"\7"), 7),
        (("float32", [1, 0], b""), [[]]),
        (("str", [2], ["größe".encode(), b""]), ["größe", ""]),
        (("bytes", [1], [b"\xff"]), [{"b64": "/w=="}]),
    ],
)
def test_tensors_are_told_in_plain_json(tensor: Tensor, value: object) -> None:
    assert as_json(tensor) == value
