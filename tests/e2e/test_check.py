"""`salver check`, and what a server says of servables that cannot be served."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.http import post

from salver.testing.server import running


def check(place: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salver", "check", str(place)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_check_finds_nothing_wrong_with_good_servables(authored: Path) -> None:
    ran = check(authored / "forms" / "servable.py")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1] == "1 version loaded, 0 problems"
    for line in (
        "    shout(text: str, times: int64 = ...) -> (output: str)",
        "    around.half: row by row: up to 32 rows at a time",
        "    scaled.onnx: batched: up to 32 rows",
        "    document(dish: json) -> (output: json)",
        "    count(up_to: int64) -> (output: int64), as a sequence",
    ):
        assert line in ran.stdout.splitlines()


HEAD = "import numpy as np, salver\nfrom typing import NamedTuple\nfrom jaxtyping import Float32\n"

# (the file after HEAD, the line that is told, what is told, the remedy)
BROKEN: list[tuple[str, int, str, str]] = [
    ("def f(:", 4, "SyntaxError", "mend that line"),
    ("import no_such_package", 4, "No module named 'no_such_package'", "pip install no_such_package"),
    ("1 / 0", 4, "ZeroDivisionError: division by zero", "mend it"),
    ("exit(3)", 4, "it calls exit(3)", "mend it"),
    ("x = 1", 0, "has no method that could be called", "decorate a function with @salver.function"),
    ("@salver.function\ndef f(x: list[int]) -> int: ...", 5, "'x' of f() is annotated, but list[int]", "one row"),
    ("@salver.function\ndef f(x: int) -> Typo: ...", 5, "NameError: name 'Typo' is not defined", "mend"),
    ("@salver.function\ndef f(*x): ...", 5, "takes any number of inputs", "name every input"),
    ("@salver.function\ndef f() -> int: ...", 5, "has no inputs", "give it an input"),
    ("@salver.method\ndef f(x: int) -> int:\n    return x + 1", 6, "computes with the input 'x'", "@salver.stage"),
    ("@salver.method\ndef f(x: int) -> int:\n    if x: return x", 6, "decides by the input 'x'", "@salver.stage"),
    ("net = salver.model('gone.onnx')", 4, "the model 'gone.onnx', which is not in", "put it there"),
    ("@salver.function(max_batch_size=0)\ndef f(x: int) -> int: ...", 4, "max_batch_size=0", "at least 1"),
    (
        "@salver.servable\nclass S:\n    def setup(self): {}['k']\n    def f(self, x): ...",
        6,
        "'k'",
        "mend it",
    ),
    ("@salver.function(example={'y': 1})\ndef f(x: int) -> int: ...", 5, "example of 'f' has no 'x'", "each of x"),
    (
        "@salver.function(example={'x': -1})\ndef f(x: np.int64) -> np.int64:\n    raise salver.InvalidInput('small')",
        0,
        "'f' does not answer its example: ",
        "mend the method, or its example",
    ),
    (
        "@salver.function\ndef f(x: np.float64) -> np.float32:\n    return x",
        0,
        "'f' breaks its contract: Function 'broken.f', stage 1 of method 'f', failed: f() gave float64[1] as 'output'",
        "convert it with .astype(np.float32), or mend the annotation",
    ),
    (
        "class P(NamedTuple):\n    a: int\n    b: int\n@salver.function\ndef f(x: int) -> P:\n    return {'a': x}",
        0,
        "'f' breaks its contract: Function 'broken.f', stage 1 of method 'f', failed: f() gave a dict of a, but",
        "give exactly these names",
    ),
]


@pytest.mark.parametrize(("code", "line", "what", "remedy"), BROKEN, ids=[each[2] for each in BROKEN])
def test_check_tells_what_is_wrong_with_file_line_and_remedy(
    tmp_path: Path, code: str, line: int, what: str, remedy: str
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(HEAD + code + "\n")
    ran = check(file)
    assert ran.returncode == 1
    told, mend = _problem(ran.stderr.splitlines())
    assert told.startswith(f"salver: {file}:{line}: " if line else f"salver: {file}: ")
    assert what in told
    assert mend.startswith("  remedy: ")
    assert remedy in mend
    assert ran.stdout.splitlines()[-1].endswith("1 problem")


def _problem(lines: Sequence[str]) -> tuple[str, str]:
    """The problem and its remedy, among what workers printed."""
    index = next(index for index, line in enumerate(lines) if line.startswith("salver: "))
    return lines[index], lines[index + 1]


def test_a_method_that_ends_its_worker_is_told_and_the_others_are_tried_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "deadly.py"
    code = "import os\n@salver.servable\nclass S:\n    def die(self, x: int) -> int:\n        os._exit(3)\n"
    file.write_text(f"{HEAD}{code}    def live(self, x: int) -> int:\n        return x\n")
    ran = check(file)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (1, "1 version loaded, 1 problem")
    assert f"salver: {file}: 'die' ended its worker at a made-up row: " in ran.stderr


def test_what_a_method_raises_for_a_made_up_row_is_only_a_note(tmp_path: Path) -> None:
    file = tmp_path / "choosy.py"
    file.write_text(HEAD + "@salver.function\ndef f(x: np.float64) -> np.float64:\n    raise ValueError('not this')\n")
    ran = check(file)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "1 version loaded, 0 problems")
    assert f"{file}: 'f' refused a made-up row, perhaps rightly: " in ran.stdout
    assert "it is tried with yours if you give it one: example={...}" in ran.stdout


def test_a_broken_servable_keeps_no_other_from_being_served(tmp_path: Path) -> None:
    for name, code in (("good", "@salver.function\ndef f(x: int) -> int:\n    return x\n"), ("bad", "1 / 0\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "servable.py").write_text(HEAD + code)
    with running(tmp_path) as server:
        assert post(server.address, "/servables/good", {"x": 1}).json == {"output": 1}
        reply = post(server.address, "/servables/bad", {"x": 1})
        assert (reply.status, reply.json["error"]["code"]) == (503, "UNAVAILABLE")
        assert f"{tmp_path}/bad/servable.py:4: ZeroDivisionError" in server.output
