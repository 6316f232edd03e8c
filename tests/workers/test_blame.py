import sys
from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.workers.blame import problem_of

IMPORTS_A_HELPER = "import sys\nsys.path.insert(0, 'FOLDER')\nimport helper_of_blame\nhelper_of_blame.go()"


@pytest.mark.parametrize(
    ("text", "where", "what", "remedy"),
    [
        ("x = 1\n1 / 0", "servable.py:2", "ZeroDivisionError: division by zero", "mend it"),
        ("x = (\n", "servable.py:1", "SyntaxError: '(' was never closed", "mend that line"),
        ("import gone_and_lost", "servable.py:1", "No module named 'gone_and_lost'", f"for {sys.executable}"),
        ("import json\njson.loads('{')", "servable.py:2", "JSONDecodeError: Expecting property name", "traceback"),
        ("exit(3)", "servable.py:1", "ends the process: it calls exit(3)", "mend it"),
        (IMPORTS_A_HELPER, "helper_of_blame.py:2", "KeyError: 'x'", "mend it"),
    ],
)
def test_the_innermost_line_of_the_authors_own_is_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, where: str, what: str, remedy: str
) -> None:
    file = tmp_path / "servable.py"
    (tmp_path / "helper_of_blame.py").write_text("def go():\n    {}['x']")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "helper_of_blame", raising=False)
    with pytest.raises(BaseException) as raised:  # noqa: PT011
        exec(compile(text.replace("FOLDER", str(tmp_path)), str(file), "exec"))
    problem = problem_of(raised.value, file)
    assert problem.where == str(tmp_path / where)
    assert what in problem.what
    assert remedy in problem.remedy


def test_without_a_line_of_the_authors_the_file_is_named() -> None:
    assert problem_of(ValueError("no"), Path("/models/add/servable.py")).where == "/models/add/servable.py"


def test_what_is_a_problem_already_stays_as_it_is() -> None:
    unusable = Unusable("add.py:3", "is wrong", "mend it")
    assert problem_of(unusable, Path("other.py")) is unusable.problem
