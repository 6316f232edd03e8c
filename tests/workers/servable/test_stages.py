"""What functions of every kind do with a batch; without a server."""

import time
from pathlib import Path

import numpy as np
from support.programs import Asking, load, run

from salver.workers.servable.chain import absence

PAIRS = np.arange(6, dtype=np.float32).reshape(3, 2)


# What functions get.


def test_a_function_over_a_batch_gets_arrays_with_a_leading_dimension_and_lists_of_text(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.function
        def look(pair: Pair, number: int, text: str, raw: bytes, document: salver.Json) -> str:
            assert pair.shape == (3, 2) and number.dtype == np.int64
            return [repr(each) for each in zip(text, raw, document)]
        """,
    )
    columns = [PAIRS, np.arange(3), ["a", "b", "c"], [b"1", b"2", b"3"], ["{}", "[1]", '"x"']]
    assert run(program, "look", *columns) == [["('a', b'1', {})", "('b', b'2', [1])", "('c', b'3', 'x')"]]


def test_a_function_over_rows_gets_views_and_numbers(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.servable
        class Looking:
            def look(
                self, pair: Pair, none: Float32[np.ndarray, ""], single: np.float32, number: int, real: float,
                flag: bool, text: str, raw: bytes, document: salver.Json, anything,
            ) -> str:
                assert not pair.flags.writeable
                return "; ".join(f"{type(each).__name__} {each}" for each in locals().values() if each is not self)
        """,
    )
    single = np.array([0.5], np.float32)
    whole = [np.arange(1), np.arange(1, dtype=np.float16), np.array([True]), ["a"], [b"b"], ['{"a": 1}'], np.arange(1)]
    assert run(program, "look", PAIRS[:1], single, single, *whole) == [
        [
            (
                "ndarray [0. 1.]; ndarray 0.5; float32 0.5; int 0; float 0.0; bool True; str a; bytes b'b'; "
                "dict {'a': 1}; int64 0"
            )
        ]
    ]


def test_optional_inputs_that_are_absent_have_their_default_values(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.stage
        def join(text: str, end: str, document: salver.Json = None, *, times: int = 2) -> str:
            return f"{text * times}{end}{document}"

        @salver.method
        def tell(text: str, end: str = "!", document: salver.Json = None, times: int = 3) -> str:
            return join(text, end, document, times=times)

        @salver.function
        def over_batches(x: int, y: Pair = None) -> int:
            return x if y is None else x + y[:, 0].astype(np.int64)
        """,
    )
    texts = ["a", "b"]
    assert run(program, "tell.join", texts, absence(2), absence(2), absence(2)) == [["aaa!None", "bbb!None"]]
    assert run(program, "tell.join", texts, ["?", "."], absence(2), np.array([1, 2])) == [["a?None", "bb.None"]]
    assert run(program, "tell.join", texts, absence(2), ["[]", "3"], absence(2)) == [["aaa![]", "bbb!3"]]
    assert run(program, "over_batches", np.arange(3), absence(3))[0].tolist() == [0, 1, 2]
    assert run(program, "over_batches", np.arange(3), PAIRS)[0].tolist() == [0, 3, 6]


def test_constants_of_a_method_reach_its_functions(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.stage
        def scale(x: Pair, by: float) -> Pair:
            return x * np.float32(by)

        @salver.method
        def double(x: Pair) -> Pair:
            return scale(x, by=2.0)
        """,
    )
    assert run(program, "double.scale", PAIRS)[0].tolist() == (PAIRS * 2).tolist()


def test_the_context_tells_about_a_rows_caller(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.servable(device="cuda:1")
        class Telling:
            def one(self, x: int, context: salver.Context) -> salver.Json:
                return {
                    "metadata": context.metadata, "parameters": context.parameters,
                    "in time": context.deadline is None or context.deadline > 0,
                    "left": context.cancelled, "device": context.device,
                }

        @salver.function
        def all_of_them(context, x: int) -> str:
            return [each.metadata.get("user", "nobody") for each in context]
        """,
    )
    soon = Asking(2, time.time() + 60, [("user", "ann"), ("accept", "a"), ("accept", "b")], {"top": 3})
    late = Asking(1, time.time() - 60, left=True)
    [documents] = run(program, "one", np.arange(3), callers=[soon, late])
    first = '{"metadata":{"user":"ann","accept":"a, b"},"parameters":{"top":3},"in time":true,"left":false'
    last = '{"metadata":{},"parameters":{},"in time":false,"left":true'
    assert documents == [f'{each},"device":"cuda:1"}}' for each in (first, first, last)]
    assert run(program, "all_of_them", np.arange(3), callers=[soon, late]) == [["ann", "ann", "nobody"]]
    assert run(program, "all_of_them", np.arange(1)) == [["nobody"]]
    assert [each.needs_callers for each in program.stages.values()] == [True, True]
    assert [each.context for each in program.manifest.servable.stages] == [True, True]


# What they give.


def test_several_outputs_are_given_in_the_form_that_was_promised(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        class Named(TypedDict):
            text: str
            number: int

        @dataclass
        class Held:
            text: str
            number: int

        class Tupled(NamedTuple):
            text: str
            number: int

        @salver.servable
        class Giving:
            def by_dict(self, x: int) -> Named:
                return {"number": x, "text": "a"}
            def by_object(self, x: int) -> Held:
                return Held("a", x)
            def by_tuple(self, x: int) -> Tupled:
                return Tupled("a", x)
            def plainly(self, x: int) -> tuple[str, int]:
                return "a", x

        @salver.function
        def of_batches(x: int) -> Named:
            return {"number": x, "text": ["a"] * len(x)}
        """,
    )
    for name in ("by_dict", "by_object", "by_tuple", "plainly", "of_batches"):
        texts, numbers = run(program, name, np.arange(2))
        assert (texts, numbers.tolist()) == (["a", "a"], [0, 1])


def test_rows_of_different_shapes_are_given_apart(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.servable
        class Counting:
            def count(self, x: int) -> Int64[np.ndarray, "n"]:
                return np.arange(x)
        """,
    )
    pieces = run(program, "count", np.array([1, 1, 3]))
    assert [(piece.rows, [column.tolist() for column in piece.outcome]) for piece in pieces] == [
        (2, [[[0], [0]]]),
        (1, [[[0, 1, 2]]]),
    ]


def test_functions_of_a_chain_see_what_those_before_them_changed(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.stage
        def make(x: int) -> Pair:
            return [x, x]

        @salver.stage
        def change(pair: Pair) -> str:
            pair[0] = -1
            return "changed"

        @salver.method
        def m(x: int) -> tuple[Pair, str]:
            pair = make(x)
            return pair, change(pair)
        """,
    )
    pairs, texts = run(program, "m.make+change", np.arange(1, 3))
    assert (pairs.tolist(), texts) == ([[-1, 1], [-1, 2]], ["changed", "changed"])
