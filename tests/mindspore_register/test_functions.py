"""What stage functions get, what they may give, and whose failure theirs is."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salver.workers.program import Program
from salver.workers.stage import Failure

from .servables import REGISTER, load_text, run, stage_of

ONE = """
{function}

@register.register_method(output_names={outputs})
def m({inputs}):
    return register.add_stage({name}, {inputs}, outputs_count={count}{options})
"""


def servable(
    tmp_path: Path, function: str, inputs: str = "x", outputs: tuple[str, ...] = ("y",), options: str = ""
) -> Program:
    """A servable whose method `m` is the one function `f`."""
    count = len(outputs)
    text = ONE.format(function=function, inputs=inputs, outputs=outputs, name="f", count=count, options=options)
    return load_text(tmp_path, REGISTER + text)


def results(tmp_path: Path, function: str, *columns: Any, rows: int = 1, options: str = "") -> list[object]:
    """What became of the rows, by a function with one output."""
    inputs = ", ".join(f"x{index}" for index in range(len(columns)))
    return run(stage_of(servable(tmp_path, function, inputs, options=options), "m.f"), rows, *columns)


@pytest.mark.parametrize(
    ("column", "seen"),
    [
        (["text"], "str 'text'"),
        ([b"abc"], "ndarray uint8 (3,) True"),
        ([b""], "ndarray uint8 (0,) True"),
        (np.ones((1, 2, 2), np.float32), "ndarray float32 (2, 2) True"),
        (np.ones(1, np.int64), "ndarray int64 () True"),
        (np.ones((1, 1), np.bool_), "ndarray bool (1,) True"),
        (np.ones((1, 0), np.float16), "ndarray float16 (0,) True"),
    ],
)
def test_functions_get_text_and_private_writable_arrays(tmp_path: Path, column: Any, seen: str) -> None:
    function = """
def f(x):
    if isinstance(x, str):
        return f"{type(x).__name__} {x!r}"
    return f"{type(x).__name__} {x.dtype} {x.shape} {x.flags.writeable}"
"""
    assert results(tmp_path, function, column) == [(seen,)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("np.full((2, 2), 3, np.float32)", np.full((2, 2), 3, np.float32)),
        ("np.float32(1.5)", np.array(1.5, np.float32)),
        ("np.float64(1.5)", np.array(1.5)),
        ("1.5", np.array(1.5)),
        ("7", np.array(7)),
        ("True", np.array(True)),
        ("np.bool_(False)", np.array(False)),
        ("'text'", "text"),
        ("np.str_('text')", "text"),
        ("b'abc'", b"abc"),
        ("np.arange(6, dtype=np.int16).reshape(2, 3).T", np.array([[0, 3], [1, 4], [2, 5]], np.int16)),
        ("np.arange(3).astype('>i4')", np.arange(3, dtype=np.int32)),
        ("[np.arange(3)]", np.arange(3)),
        ("([1, 2, 3],)", np.arange(1, 4)),
        ("Tensor()", np.ones(2, np.float32)),
        ("np.ma.masked_array([1, 2])", np.array([1, 2])),
    ],
)
def test_outputs_of_every_allowed_kind(tmp_path: Path, given: str, expected: Any) -> None:
    function = f"""
class Tensor:
    def asnumpy(self):
        return np.ones(2, np.float32)

def f(x):
    return {given}
"""
    ((output,),) = results(tmp_path, function, np.zeros((1, 1)))  # type: ignore[misc]
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(output, expected, strict=True)
    else:
        assert (type(output), output) == (type(expected), expected)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("None", "NoneType"),
        ("x.dtype", "numpy.dtypes.Float64DType"),
        ("np.array(['text'])", "numpy.ndarray"),
        ("1j", "complex"),
        ("2**63", "int"),
        ("{'y': 1}", "dict"),
        ("([1, [2]],)", "list"),
        ("chr(0xd800)", "str"),
        ("(each for each in x)", "generator"),
        ("np.longdouble(1)", "numpy.longdouble"),
    ],
)
def test_outputs_that_are_no_values_fail_their_row_only(tmp_path: Path, given: str, kind: str) -> None:
    function = f"def f(x):\n    return {given} if x[0] else x"
    text = f"Push py task result cause exception: Get illegal result data with type <class '{kind}'>"
    failure = Failure(text, "Function 'add.f'", "m", 1, "output")
    good, bad, last = results(tmp_path, function, np.array([[0.0], [1.0], [0.0]]), rows=3)
    assert bad == failure
    assert good == last == (np.zeros(1),)


@pytest.mark.parametrize(("given", "count"), [("x, x", 2), ("()", 0), ("[1, 2, 3]", 3)])
def test_a_wrong_number_of_outputs_fails_the_row(tmp_path: Path, given: str, count: int) -> None:
    assert results(tmp_path, f"def f(x):\n    return {given}", np.zeros((1, 1))) == [
        Failure(
            f"The outputs number {count} of one instance returned by function 'add.f' is not equal to the outputs "
            "number 1  registered in method m",
            "Function 'add.f'",
            "m",
            1,
            "output",
        )
    ]


def test_an_exception_fails_its_instance_and_goes_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    function = "def f(x):\n    return 1 / int(x)"
    with caplog.at_level(logging.WARNING):
        one, two, three = results(tmp_path, function, np.array([1, 0, 2]), rows=3)
    assert two == Failure("division by zero", "Function 'add.f'", "m", 1)
    assert (one, three) == ((1.0,), (0.5,))
    assert "ZeroDivisionError" in caplog.text


def test_an_exception_without_a_text_is_told_by_its_name(tmp_path: Path) -> None:
    (failure,) = results(tmp_path, "def f(x):\n    assert x > 0", np.zeros(1))
    assert isinstance(failure, Failure)
    assert failure.message == "AssertionError"


def test_rows_whose_outputs_differ_are_told_of_apart(tmp_path: Path) -> None:
    function = "def f(x):\n    return np.zeros(int(x))"
    lengths = [len(row[0]) for row in results(tmp_path, function, np.array([1, 1, 2]), rows=3)]  # type: ignore[index]
    assert lengths == [1, 1, 2]


def test_a_buffer_that_is_given_again_and_again_is_copied(tmp_path: Path) -> None:
    function = "buffer = np.zeros(1)\n\ndef f(x):\n    buffer[:] = x\n    return buffer"
    assert results(tmp_path, function, np.arange(3.0), rows=3) == [(0.0,), (1.0,), (2.0,)]


CHAIN = """
def mark(x, image):
    x[0] = 9
    image[0] = ord("X")
    return x.sum(), str(image.dtype)

def look(x, image, total):
    return image.tobytes(), x + total

def fail(x):
    raise ValueError("as asked")

@register.register_method(output_names=["bytes", "sum", "x"])
def together(x, image):
    total, kind = register.add_stage(mark, x, image, outputs_count=2)
    seen, summed = register.add_stage(look, x, image, total, outputs_count=2)
    return seen, summed, total

@register.register_method(output_names=["y"])
def failing(x):
    y = register.add_stage("argmax_cpp", x, outputs_count=1)
    register.add_stage(fail, y, outputs_count=1, tag="Postprocess")
    return y
"""


def test_neighbouring_functions_are_one_stage_and_see_edits_in_place(tmp_path: Path) -> None:
    program = load_text(tmp_path, REGISTER + CHAIN)
    (stage, *_) = program.manifest.servable.stages
    assert stage.name == "together.mark+look"
    assert [port.name for port in stage.inputs] == ["x", "image"]
    assert [port.name for port in stage.outputs] == ["1.0", "2.0", "2.1"]
    column = np.array([[1.0, 2.0]])
    ((total, seen, summed),) = run(stage_of(program, stage.name), 1, column, [b"abc"])  # type: ignore[misc]
    assert (seen, summed.tolist(), total) == (b"Xbc", [20.0, 13.0], 11.0)
    assert column.tolist() == [[1.0, 2.0]]


def test_a_failure_names_the_stage_of_the_chain_and_its_tag(tmp_path: Path) -> None:
    program = load_text(tmp_path, REGISTER + CHAIN)
    (failure,) = run(stage_of(program, "failing.argmax_cpp+fail"), 1, np.zeros((1, 2)))
    assert failure == Failure("as asked", "Postprocess", "failing", 2)


@pytest.mark.parametrize(
    ("scores", "index"),
    [([1.0, 3.0, 2.0], 1), ([1, 3, 3], 1), ([np.nan, 3.0], 0), ([1.0, np.nan, 3.0], 2), ([[1, 2], [4, 3]], 2), ([], 0)],
)
def test_the_built_in_argmax(tmp_path: Path, scores: list[Any], index: int) -> None:
    text = """
@register.register_method("y")
def m(x):
    return register.add_stage("argmax_cpp", x, outputs_count=1)
"""
    program = load_text(tmp_path, REGISTER + text)
    ((output,),) = run(stage_of(program, "m.argmax_cpp"), 1, np.array([scores]))  # type: ignore[misc]
    assert (output, output.dtype) == (index, np.int64)


BATCHED = ", batch_size=4"


def failures(*outcomes: object) -> list[object]:
    """The texts of failures, and the outputs of rows that have some."""
    return [each.message if isinstance(each, Failure) else each[0].item() for each in outcomes]  # type: ignore[index]


@pytest.mark.parametrize(
    ("body", "outcomes"),
    [
        ("return [x[0] * 2 for x in instances]", [0, 2, 4, 6]),
        ("return tuple((x[0] * 2,) for x in instances)", [0, 2, 4, 6]),
        ("for (x,) in instances:\n        yield x * 2", [0, 2, 4, 6]),
        ("return map(lambda x: x[0] * 2, instances)", [0, 2, 4, 6]),
        ("yield from (1, 2, 3, 4, 5)", [1, 2, 3, 4]),
        ("raise ValueError('all')", ["all"] * 4),
        ("return None", ["'NoneType' object is not an iterator"] * 4),
        ("for (x,) in instances:\n        yield 6 // int(x - 1)", [-6, "integer division or modulo by zero", 6, 3]),
        (
            "yield 0\n    yield 1",
            [
                0,
                1,
                *[
                    (
                        "The number 2 of instances returned by function 'add.f' is not equal to the number 4 of "
                        "instances provided to this function."
                    )
                ]
                * 2,
            ],
        ),
        (
            "return [0, (1, 2), 3, 4]",
            [
                0,
                (
                    "The outputs number 2 of one instance returned by function 'add.f' is not equal to the "
                    "outputs number 1  registered in method m"
                ),
                3,
                4,
            ],
        ),
        (
            "return [0, None, 3, 4]",
            [0, "Push py task result cause exception: Get illegal result data with type <class 'NoneType'>", 3, 4],
        ),
    ],
)
def test_functions_over_a_batch(tmp_path: Path, body: str, outcomes: list[object]) -> None:
    function = f"def f(instances):\n    {body}"
    assert failures(*results(tmp_path, function, np.arange(4), rows=4, options=BATCHED)) == outcomes


def test_after_an_exception_in_the_place_of_a_result_the_function_is_called_again_with_the_rest(
    tmp_path: Path,
) -> None:
    function = """
calls = []

def f(instances):
    calls.append(len(instances))
    for (x,) in instances:
        if x == 1:
            raise ValueError(f"{x}")
        yield len(calls)
"""
    assert failures(*results(tmp_path, function, np.arange(4), rows=4, options=BATCHED)) == [1, "1", 2, 2]


LEAVES = """
import sys

class Mute(Exception):
    def __str__(self):
        raise KeyError

def leave(x):
    if x == 1:
        sys.exit(3)
    if x == 2:
        raise KeyboardInterrupt
    if x == 3:
        raise Mute
    return x
"""

LEFT = [0, "SystemExit: 3", "KeyboardInterrupt: ", "Mute, which cannot say what is wrong: its __str__ fails", 4]


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("def f(x):\n    return leave(x)", ""),
        ("def f(instances):\n    for (x,) in instances:\n        yield leave(x)", ", batch_size=5"),
    ],
)
def test_what_a_function_ends_itself_by_is_its_instances_failure(tmp_path: Path, function: str, options: str) -> None:
    outcomes = results(tmp_path, LEAVES + function, np.arange(5), rows=5, options=options)
    assert failures(*outcomes) == LEFT
    assert {each.what for each in outcomes if isinstance(each, Failure)} == {"Function 'add.f'"}


def test_a_function_over_a_batch_that_ends_itself_when_called_fails_all_of_it(tmp_path: Path) -> None:
    function = "def f(instances):\n    raise SystemExit(3)"
    assert failures(*results(tmp_path, function, np.arange(2), rows=2, options=BATCHED)) == ["SystemExit: 3"] * 2


def test_a_function_over_a_batch_that_fails_when_called_again_fails_the_rest(tmp_path: Path) -> None:
    function = """
def f(instances):
    if len(instances) < 4:
        raise ValueError("too few")
    return (6 // int(x) for (x,) in instances)
"""
    texts = ["integer division or modulo by zero", *["too few"] * 3]
    assert failures(*results(tmp_path, function, np.arange(4), rows=4, options=BATCHED)) == texts


def test_a_function_over_a_batch_gets_tuples_of_tuples(tmp_path: Path) -> None:
    function = (
        "def f(instances):\n    return [f'{type(instances).__name__} {type(x).__name__} {len(x)}' for x in instances]"
    )
    columns = [["a", "b"], np.zeros((2, 1))]
    assert results(tmp_path, function, *columns, rows=2, options=BATCHED) == [("tuple tuple 2",)] * 2


def test_a_batch_function_is_a_stage_by_itself(tmp_path: Path) -> None:
    text = """
def one(x):
    return x

def many(instances):
    return [x[0] for x in instances]

@register.register_method("y")
def m(x):
    for stage in (one, one):
        x = register.add_stage(stage, x, outputs_count=1)
    x = register.add_stage(many, x, outputs_count=1, batch_size=0)
    return register.add_stage(one, x, outputs_count=1)
"""
    stages = load_text(tmp_path, REGISTER + text).manifest.servable.stages
    assert [stage.name for stage in stages] == ["m.one+one", "m.many", "m.one"]
    assert [stage.policy.max_batch_size for stage in stages] == [32, 32, 32]
