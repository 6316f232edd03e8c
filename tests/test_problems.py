import pytest

from salver.problems import Problem, Unusable, encodable


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a/b", "a/b"),
        ("\u00e9\U0001f600\n", "\u00e9\U0001f600\n"),
        ("\udcff.onnx", "\\udcff.onnx"),
        ("\ud83d", "\\ud83d"),
    ],
)
def test_whatever_it_quotes_a_problem_can_be_encoded(text: str, same: str) -> None:
    assert encodable(text) == same
    assert Problem(text, text, text) == Problem(same, same, same)
    assert Unusable(text, text, text).problem == Problem(same, same, same)
