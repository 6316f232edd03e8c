import re
from typing import Annotated, Any, NewType, Optional, TypeVar

import numpy as np
import numpy.typing as npt
import pytest
from jaxtyping import BFloat16, Bool, Complex64, Float, Float32, Int, Int64, Num, Shaped, UInt8

from salver import Json
from salver.authoring.contracts import UNDECLARED, Meaning, Meaningless, meaning
from salver.authoring.spec import Dim

A = np.ndarray
Score = NewType("Score", float)


def array(dtype: str | None, *dims: Dim) -> Meaning:
    return Meaning(dtype, dims, array=True)


def shapeless(dtype: str | None) -> Meaning:
    return Meaning(dtype, array=True)


class Tensor:
    """What an array of another library looks like from outside."""

    def __array__(self) -> np.ndarray:
        raise AssertionError


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (Float32[A, "3 224 224"], array("float32", 3, 224, 224)),
        (Int64[A, ""], array("int64")),
        (Float32[A, "height width 3"], array("float32", "height", "width", 3)),
        (UInt8[A, "_ rows=4 n-1 ?m _unused"], array("uint8", "", 4, "", "m", "")),
        (Float32[A, "... 3"], shapeless("float32")),
        (Float32[A, "*batch 3"], shapeless("float32")),
        (Float32[A, "#n 3"], shapeless("float32")),
        (Bool[A, "2"], array("bool", 2)),
        (BFloat16[A, "2"], array("bfloat16", 2)),
        (Float[A, "2"], array(None, 2)),
        (Int[A, "2"], array(None, 2)),
        (Num[A, "2"], array(None, 2)),
        (Shaped[A, "2"], array(None, 2)),
        (Shaped[A, "..."], shapeless(None)),
        (Float32[Any, "2"], array("float32", 2)),
        (Float32[Tensor, "2"], Meaning("float32", (2,), array=True, foreign=True)),
        (np.ndarray, shapeless(None)),
        (npt.NDArray[np.float32], shapeless("float32")),
        (npt.NDArray[Any], shapeless(None)),
        (npt.NDArray[np.floating[Any]], shapeless(None)),
        (np.float32, Meaning("float32", ())),
        (np.int8, Meaning("int8", ())),
        (np.bool_, Meaning("bool", ())),
        (np.floating, Meaning(None, ())),
        (np.str_, Meaning("str", ())),
        (np.bytes_, Meaning("bytes", ())),
        (int, Meaning("int64", (), python=True)),
        (float, Meaning("float64", (), python=True)),
        (bool, Meaning("bool", (), python=True)),
        (str, Meaning("str", ())),
        (bytes, Meaning("bytes", ())),
        (Json, Meaning("str", (), json=True)),
        (Any, UNDECLARED),
        (object, UNDECLARED),
        (Tensor, Meaning(foreign=True)),
        (Annotated[Float32[A, "2"], "a pair"], array("float32", 2)),
        (Score, Meaning("float64", (), python=True)),
        (Float32[A, "2"] | Float32[Any, "2"], array("float32", 2)),
    ],
)
def test_an_annotation_says_what_one_row_is(annotation: Any, wanted: Meaning) -> None:
    assert meaning(annotation) == wanted


@pytest.mark.parametrize("annotation", [str | None, Optional[str], None | str])  # noqa: UP045
def test_what_may_be_left_out_may_be_none(annotation: Any) -> None:
    assert meaning(annotation, optional=True) == Meaning("str", ())
    with pytest.raises(Meaningless, match="allows None") as refused:
        meaning(annotation)
    assert "`= None`" in refused.value.remedy


@pytest.mark.parametrize(
    ("annotation", "what", "remedy"),
    [
        (list[str], r"list\[str\] is no contract", "annotations describe one row"),
        (list, "list is no contract", "annotations describe one row"),
        (dict, "dict is no contract", r"salver\.Json"),
        (dict[str, int], "is no contract", r"salver\.Json"),
        (set, "set is no contract", "salver knows jaxtyping"),
        (complex, "complex is no contract", "salver knows"),
        (int | str, "several kinds", "write the one"),
        (Float32, "Float32 says no shape", r'Float32\[np\.ndarray, "2 2"\]'),
        (Complex64[A, "2"], "complex64, which no protocol carries", "float32"),
        (np.complex64, "complex64, which no protocol carries", "float32"),
        (np.datetime64, "datetime64, which no protocol carries", "int64"),
        (npt.NDArray[np.str_], "array of text", "use str or bytes"),
        (TypeVar("T"), "is no contract", "salver knows"),
        (3, "3 is no contract", "salver knows"),
    ],
)
def test_an_annotation_that_is_no_contract_is_refused_with_a_remedy(annotation: Any, what: str, remedy: str) -> None:
    with pytest.raises(Meaningless, match=what) as refused:
        meaning(annotation)
    assert re.search(remedy, refused.value.remedy)
