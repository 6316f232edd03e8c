import struct
from collections.abc import Callable, Sequence

import pytest

from salver.authoring.spec import Dim, Port
from salver.runtimes.batching import leading_problem, unbatched_reason, without_leading
from salver.runtimes.samples import Tensor

Function = Callable[[list[float], int], list[float]]


def port(name: str, *dims: Dim) -> Port:
    return Port(name, "float32", dims)


def model(function: Function) -> Callable[[Sequence[Tensor]], list[Tensor]]:
    """A model of one input and one output; the function gets all values and the number of rows."""

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        _, shape, data = inputs[0]
        assert isinstance(data, bytes)
        values = function(list(struct.unpack(f"<{len(data) // 4}f", data)), shape[0])
        return [("float32", [shape[0], len(values) // shape[0]], struct.pack(f"<{len(values)}f", *values))]

    return run


def refuses(values: list[float], _rows: int) -> list[float]:
    raise ValueError(f"cannot take {len(values)} values")


def refuses_all_but_32(values: list[float], rows: int) -> list[float]:
    return values if len(values) == 32 * rows else refuses(values, rows)


def never(values: list[float], _rows: int) -> list[float]:
    raise AssertionError("the shapes alone decide; the model must not be run")


X, Y = port("x", "n", 3), port("y", "n", 3)


def test_a_model_that_keeps_rows_apart_is_batched() -> None:
    assert unbatched_reason(model(lambda values, rows: [2 * value for value in values]), [X], [Y]) is None


def test_dimensions_without_a_name_are_tried_too() -> None:
    double = model(lambda values, rows: [2 * value for value in values])
    assert unbatched_reason(double, [port("x", "", 3)], [port("y", "", 3)]) is None


def test_a_free_length_within_a_row_is_guessed_until_the_model_takes_it() -> None:
    words = [port("x", "n", "length")], [port("y", "n", "length")]
    assert unbatched_reason(model(refuses_all_but_32), *words) is None


@pytest.mark.parametrize(
    ("inputs", "outputs", "function", "reason"),
    [
        ([port("x", 2, 2)], [Y], never, "input 'x' has the fixed leading dimension 2"),
        ([port("x")], [Y], never, "input 'x' has no dimensions"),
        ([X], [port("loss")], never, "output 'loss' has no dimensions"),
        ([X], [port("y", "m", 3)], never, "the leading dimension of 'x' is called 'n', but that of 'y' 'm'"),
        ([X], [port("y", "n", "n")], never, "'n' is also another dimension of 'y'"),
        ([X], [Y], refuses, "it refused every trial input (cannot take 3 values)"),
        ([X], [Y], lambda v, rows: [each / rows for each in v], "two rows run together gave another 'y'"),
        ([X], [Y], lambda v, rows: v[::-1], "two rows run together gave another 'y'"),
    ],
)
def test_otherwise_it_is_not_and_the_reason_is_told(
    inputs: list[Port], outputs: list[Port], function: Function, reason: str
) -> None:
    told = unbatched_reason(model(function), inputs, outputs)
    assert told is not None
    assert reason in told


def test_rows_have_one_dimension_less() -> None:
    assert without_leading([X]) == (port("x", 3),)
    assert leading_problem([X], [Y]) is None
