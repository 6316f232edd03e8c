"""Methods that cannot be traced, each wrong in its way; the line that is told is the one marked by `here`."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support.stages import (
    HEADS,
    NET,
    STRANGER,
    Image,
    Scores,
    decode,
    in_any_way,
    label,
    over_batches,
    resize,
    tokens,
    traced,
)

import salver
from salver.problems import Unusable


def decides(image: bytes) -> str:
    if image:  # here
        return image
    return ""


def compares(x: int) -> int:
    return label(x) if x == 1 else x  # here


def computes(x: int) -> int:
    return in_any_way(1 - x)  # here


def computes_by_numpy(x: np.float32) -> np.float32:
    return np.exp(x)  # here


def stacks(x: np.float32) -> np.float32:
    return np.stack([x, x])  # here


def unpacks(image: bytes) -> str:
    first, _ = decode(image)  # here
    return label(first)


def looks_inside(image: bytes) -> bytes:
    return decode(image)[0]  # here


def asks(image: bytes) -> int:
    return decode(image).shape  # here


def formats(text: str) -> str:
    return f"so {text}"  # here


def calls(text: str) -> str:
    return text()  # here


def gives_lists(image: bytes) -> str:
    return in_any_way([image])  # here


def returns_nothing(image: bytes) -> str:  # here
    decode(image)
    return None


def returns_constants(image: bytes) -> tuple[str, str]:  # here
    return label(NET(decode(image))), "constant"


def returns_less(image: bytes) -> Scores:  # here
    return {"best": label(NET(decode(image)))}


def uses_nothing_of(image: bytes) -> bytes:
    decode(image)  # here
    return image


def too_many_arguments(image: bytes) -> Image:
    return resize(decode(image), 8, 8)  # here


def wrong_number_for_a_model(image: bytes) -> np.ndarray:
    return HEADS(decode(image))  # here


def constants_for_a_model(image: bytes) -> np.ndarray:
    return HEADS(decode(image), np.zeros((3, 8, 8)))  # here


def a_model_by_batch(image: bytes) -> np.ndarray:
    return NET.batch(decode(image))  # here


def an_undeclared_model(image: bytes) -> np.ndarray:
    return STRANGER(decode(image))  # here


def mismatched_dtype(image: bytes) -> str:
    return label(image)  # here


def mismatched_dims(image: bytes) -> str:
    return label(decode(image))  # here


def promises_something_else(image: bytes) -> bytes:  # here
    return label(NET(decode(image)))


def optional_to_a_model(image: Image = np.zeros((3, 8, 8))) -> np.ndarray:  # noqa: B008
    return NET(image)  # here


def optional_to_the_caller(text: str = "") -> str:  # here
    return text


def without_inputs() -> str:  # here
    return ""


def with_context(image: bytes, context: salver.Context) -> bytes:  # here
    return image


def yields(image: bytes) -> Iterator[bytes]:  # here
    yield image


async def awaits(image: bytes) -> bytes:  # here
    return image


def a_sequence_first(text: str) -> str:
    return in_any_way(tokens(text))  # here, first


def a_sequence_beside_others(text: str):
    return tokens(text), text  # here


def a_sequence_of_batches(text: str):
    return over_batches(text)  # here


def no_sequence(text: str) -> Iterator[str]:  # here
    return in_any_way(text)


@pytest.mark.parametrize(
    ("method", "what", "remedy"),
    [
        (decides, "decides by the input 'image', which is known only when a request comes", "@salver.stage"),
        (compares, "decides by the input 'x'", "@salver.stage"),
        (computes, "computes with the input 'x'", "@salver.stage"),
        (computes_by_numpy, "computes by numpy with the input 'x'", "@salver.stage"),
        (stacks, "computes by numpy with the input 'x'", "@salver.stage"),
        (unpacks, "takes the result of 'decode' apart, which is one value", "-> tuple[..., ...]"),
        (looks_inside, "looks into the result of 'decode'", "@salver.stage"),
        (asks, "asks for 'shape' of the result of 'decode'", "@salver.stage"),
        (formats, "converts the input 'text'", "@salver.stage"),
        (calls, "calls the input 'text'", "@salver.stage"),
        (gives_lists, "gives 'value' several values in one list", "one by one"),
        (returns_nothing, "returns nothing as 'output'", "return what it gets, or what its stages give"),
        (returns_constants, "returns a str as 'output_1'", "return what it gets"),
        (returns_less, "returns best, but its annotation says best, scores", "make the two agree"),
        (uses_nothing_of, "does not use what 'decode' gives", "take the call out"),
        (too_many_arguments, "calls 'resize' wrongly: too many positional arguments", "resize(image: "),
        (wrong_number_for_a_model, "calls the model 'heads.onnx' with 1 inputs", "it takes 2: a: float32[3, 8, 8], b"),
        (constants_for_a_model, "the same for every row as 'b'", "@salver.stage"),
        (a_model_by_batch, "calls 'net.onnx' over a batch", "call it as a function"),
        (an_undeclared_model, "'stranger.onnx', which is not declared", "salver.model at the top"),
        (mismatched_dtype, "gives image: bytes to 'label', which takes scores: float32[10]", "converts"),
        (mismatched_dims, "3 dimensions are not 1", "converts"),
        (promises_something_else, "promises output: bytes, but gives output: str", "annotation agree"),
        (optional_to_a_model, "gives 'image', which callers may leave out, to the model 'net.onnx'", "default value"),
        (optional_to_the_caller, "returns its input 'text', which may be absent", "default value"),
        (without_inputs, "has no inputs", "give it an input"),
        (with_context, "asks for the context", "they get it by themselves"),
        (yields, "yields, but it is only traced", "@salver.stage"),
        (awaits, "awaits, but it is only traced", "@salver.stage"),
        (a_sequence_first, "'tokens' answers by a sequence", "make it the last stage"),
        (a_sequence_beside_others, "'tokens' answers by a sequence", "return its results alone"),
        (a_sequence_of_batches, "'over_batches' yields, but it takes batches", "@salver.stage"),
        (no_sequence, "Iterator[str] is no contract", "salver knows"),
    ],
)
def test_what_cannot_be_traced_is_told_with_its_line_and_a_remedy(
    method: Callable[..., Any], what: str, remedy: str
) -> None:
    with pytest.raises(Unusable) as refused:
        traced(method)
    problem = refused.value.problem
    assert what in problem.what
    assert remedy in problem.remedy
    file, _, line = problem.where.rpartition(":")
    with open(file) as source:  # noqa: PTH123
        assert "# here" in source.readlines()[int(line) - 1]


def test_a_value_of_another_method_is_refused() -> None:
    kept: list[Any] = []

    def keeps(text: str) -> str:
        kept.append(text)
        return text

    def uses(text: str) -> str:
        return label(kept[0])

    traced(keeps)
    with pytest.raises(Unusable, match="uses a value of another method"):
        traced(uses)
