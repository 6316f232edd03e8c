import pytest

from salver.config.text_proto import Schema, read_message, read_text
from salver.problems import Unusable

SCHEMA: Schema = {
    "A": ["1 b: [B]", "2 c: {int64}", "3 d: C", "4 e: [double]"],
    "B": ["1 f: bool"],
    "C": ("ZERO", "ONE"),
}


def test_every_kind_of_field_can_be_declared() -> None:
    message = read_text("b { f: true } c { key: 'x' value: -1 } d: ONE e: [1, 2.5]", "there", SCHEMA, "A")
    assert (message.b[0].f, dict(message.c), message.d, list(message.e)) == (True, {"x": -1}, 1, [1.0, 2.5])
    assert read_message(message.SerializeToString(), SCHEMA, "A").e == [1.0, 2.5]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("d: TWO", "there:1:4", "TWO"),
        ("\n\n  g: 1", "there:3:3", 'has no field named "g"'),
        ("b { f: true", "there:1", "Expected"),
    ],
)
def test_a_mistake_is_told_with_line_and_column(text: str, where: str, what: str) -> None:
    with pytest.raises(Unusable) as refused:
        read_text(text, "there", SCHEMA, "A")
    assert refused.value.problem.where.startswith(where)
    assert what in refused.value.problem.what
    assert "salver" not in refused.value.problem.what


def test_bytes_that_are_no_message_are_told() -> None:
    with pytest.raises(Unusable, match="A: is no such message"):
        read_message(b"\xff", SCHEMA, "A")
