"""Stage functions of every kind behind a real server: what clients send, what functions see, what clients get."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mindspore_serving.client import Client

from .scripts import serving

SERVABLE = '''
import numpy as np

from mindspore_serving.server import register


def method(*functions, outputs=("y",), batch_size=None):
    """Registers a method of the last function's name, whose stages are these functions, one after the other."""

    def traced(x):
        for function in functions[:-1]:
            x = register.add_stage(function, x, outputs_count=1)
        return register.add_stage(functions[-1], x, outputs_count=len(outputs), batch_size=batch_size)

    traced.__name__ = functions[-1].__name__
    register.register_method(output_names=outputs)(traced)


def seen(x):
    return repr(x) if isinstance(x, str) else f"{x.dtype} {x.shape} {x.flags.writeable}"


def give(x):
    return GIFTS[x]


GIFTS = {
    "array": np.arange(6, dtype=np.int16).reshape(2, 3).T,
    "half": np.float16(1.5),
    "float": 2.5,
    "int": 7,
    "bool": True,
    "text": "sch\\u00f6n",
    "bytes": b"\\0\\xff",
    "list": [np.arange(3)],
    "nothing": None,
    "two": (1, 2),
    "texts": np.array(["a"]),
    "empty": np.zeros((0,), np.float32),
}


def several(x):
    return ["as a list", x]


def reversed_in_place(x):
    x[:] = x[::-1].copy()
    return x


def tobytes(x):
    return x.tobytes()


def inverse(x):
    if int(x[0]) == 13:
        raise SystemExit("13 is no luck")
    return 1 / int(x[0])


def generated(instances):
    for (x,) in instances:
        if int(x[0]) == 13:
            raise ValueError("13 is no luck")
        yield 2 * x


def together(instances):
    return [np.array([len(instances)]) for _ in instances]


def raises(instances):
    raise ValueError("none of them")


def too_few(instances):
    return [x for (x,) in instances][:-1]


method(seen)
method(give)
method(several, outputs=("how", "x"))
method(reversed_in_place, tobytes)
method(inverse)
method(generated, batch_size=0)
method(together, batch_size=4)
method(raises, batch_size=0)
method(too_few, batch_size=2)


def edit(x):
    x += 1
    return x.sum()


def edited_before(x, total):
    return x, total


@register.register_method(output_names=["x", "total"])
def shares(x):
    total = register.add_stage(edit, x, outputs_count=1)
    x, total = register.add_stage(edited_before, x, total, outputs_count=2)
    return x, total


@register.register_method(output_names=["index"])
def argmax(scores):
    return register.add_stage("argmax_cpp", scores, outputs_count=1)


def noted(x):
    raise KeyError(int(x))


@register.register_method(output_names=["y"])
def tagged(x):
    x = register.add_stage(edit, x, outputs_count=1)
    return register.add_stage(noted, x, outputs_count=1, tag="Last step")


@register.register_method(output_names=["first", "again", "second"])
def echo(x1, x2):
    return x1, x1, x2
'''


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("functions")
    (folder / "fun").mkdir()
    (folder / "fun" / "servable_config.py").write_text(SERVABLE)
    with serving(folder, "fun") as address:
        yield address


class Method:
    """A method of one input `x`, unless others are named."""

    def __init__(self, address: str, name: str) -> None:
        self._client = Client(address, "fun", name)

    def __call__(self, *values: object) -> Any:
        """The reply to one request with an instance for each value."""
        return self._client.infer([{"x": value} for value in values])

    def outputs(self, *values: object) -> list[Any]:
        """The output `y` of each instance, or its error."""
        replies = self(*values)
        assert isinstance(replies, list), replies
        return [reply.get("y", reply.get("error")) for reply in replies]


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("text", "'text'"),
        (b"abc", "uint8 (3,) True"),
        (b"", "uint8 (0,) True"),
        (np.ones((2, 2), np.float32), "float32 (2, 2) True"),
        (np.ones((2, 0), np.float16), "float16 (2, 0) True"),
        (np.int8(1), "int8 () True"),
        (1, "int64 (1,) True"),
        (1.5, "float64 (1,) True"),
        (True, "bool (1,) True"),
    ],
)
def test_functions_see_what_the_original_shows_them(address: str, value: object, seen: str) -> None:
    assert Method(address, "seen").outputs(value) == [seen]


def test_instances_of_different_types_go_together_in_a_request(address: str) -> None:
    outputs = Method(address, "seen").outputs("text", np.ones(2, np.int8), b"ab", np.ones(3, np.int8), "more")
    assert outputs == ["'text'", "int8 (2,) True", "uint8 (2,) True", "int8 (3,) True", "'more'"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("array", np.array([[0, 3], [1, 4], [2, 5]], np.int16)),
        ("half", np.array(1.5, np.float16)),
        ("float", np.array(2.5)),
        ("int", np.array(7)),
        ("bool", np.array(True)),
        ("text", "schön"),
        ("bytes", b"\0\xff"),
        ("list", np.arange(3)),
        ("empty", np.zeros((0,), np.float32)),
    ],
)
def test_what_functions_may_give(address: str, name: str, expected: Any) -> None:
    [output] = Method(address, "give").outputs(name)
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(output, expected, strict=True)
    else:
        assert (type(output), output) == (type(expected), expected)


FAILED = "Call Function 'fun.{0}' Failed, method: '{0}', stage index(begin with 1): 1, error msg: {1}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing", "Push py task result cause exception: Get illegal result data with type <class 'NoneType'>"),
        ("texts", "Push py task result cause exception: Get illegal result data with type <class 'numpy.ndarray'>"),
        (
            "two",
            (
                "The outputs number 2 of one instance returned by function 'fun.give' is not equal to the outputs "
                "number 1  registered in method give"
            ),
        ),
    ],
)
def test_what_a_function_may_not_give_fails_its_instance_and_the_worker_lives_on(
    address: str, name: str, text: str
) -> None:
    before, wrong, after = Method(address, "give")("int", name, "text")
    assert wrong == {"error": FAILED.format("give", text)}
    assert (before["y"], after["y"]) == (7, "schön")


def test_a_list_is_the_outputs(address: str) -> None:
    assert Method(address, "several")("it") == [{"how": "as a list", "x": "it"}]


def test_edits_in_place_are_seen_by_later_functions_and_nobody_else(address: str) -> None:
    assert Method(address, "tobytes").outputs(b"abc", b"") == [b"cba", b""]
    x = np.zeros((2, 2))
    for reply in Method(address, "shares")(x, x):
        np.testing.assert_array_equal(reply["x"], np.ones((2, 2)), strict=True)
        assert reply["total"] == 4


def test_an_exception_fails_its_instance(address: str) -> None:
    good, bad, last = Method(address, "inverse").outputs(2, 0, 4)
    assert (good, last) == (0.5, 0.25)
    assert bad == FAILED.format("inverse", "division by zero")


def test_what_would_end_a_program_fails_its_instance(address: str) -> None:
    good, bad, last = Method(address, "inverse").outputs(2, 13, 4)
    assert (good, last) == (0.5, 0.25)
    assert bad == FAILED.format("inverse", "SystemExit: 13 is no luck")


def test_an_exception_of_all_instances_is_told_once(address: str) -> None:
    assert Method(address, "inverse")(0, 0) == {"error": FAILED.format("inverse", "division by zero")}


def test_a_tag_and_the_stages_place_are_told(address: str) -> None:
    assert Method(address, "tagged")(np.ones(2)) == {
        "error": "Call Last step Failed, method: 'tagged', stage index(begin with 1): 2, error msg: 4"
    }


def test_a_generator_answers_instance_by_instance_and_goes_on_after_an_exception(address: str) -> None:
    outputs = Method(address, "generated").outputs(*range(11, 15))
    assert [np.ravel(each).tolist() if index != 2 else each for index, each in enumerate(outputs)] == [
        [22],
        [24],
        FAILED.format("generated", "13 is no luck"),
        [28],
    ]


def test_a_function_over_a_batch_gets_no_more_than_it_asked_for(address: str) -> None:
    sizes = Method(address, "together").outputs(*range(10))
    assert max(int(size[0]) for size in sizes) == 4
    assert len(sizes) == 10


def test_a_function_over_a_batch_that_raises_fails_all_of_it(address: str) -> None:
    assert Method(address, "raises")(1, 2) == {"error": FAILED.format("raises", "none of them")}


def test_too_few_results_fail_the_instances_that_have_none(address: str) -> None:
    number = "is not equal to the number {} of instances provided to this function."
    text = f"The number {{}} of instances returned by function 'fun.too_few' {number}"
    first, second, alone = Method(address, "too_few").outputs(1, 2, 3)
    assert first == 1
    assert second == FAILED.format("too_few", text.format(1, 2))
    assert alone == FAILED.format("too_few", text.format(0, 1))


@pytest.mark.parametrize(
    ("scores", "index"),
    [(np.array([1, 3, 2], np.float32), 1), (np.array([[1, 3], [2, 9]], np.int8), 3), (np.array([5, 5]), 0)],
)
def test_the_built_in_argmax(address: str, scores: Any, index: int) -> None:
    [reply] = Client(address, "fun", "argmax").infer({"scores": scores})
    np.testing.assert_array_equal(reply["index"], np.array(index), strict=True)


def test_a_method_without_stages_gives_back_what_it_gets(address: str) -> None:
    [reply] = Client(address, "fun", "echo").infer({"x1": "a", "x2": np.arange(3)})
    assert (reply["first"], reply["again"], reply["second"].tolist()) == ("a", "a", [0, 1, 2])


def test_an_input_that_is_missing_is_named(address: str) -> None:
    reply = Client(address, "fun", "echo").infer({"x1": 1})
    assert reply == {"error": "Cannot find input x2 in instance input , servable fun, method echo"}
