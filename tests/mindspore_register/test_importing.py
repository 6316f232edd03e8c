"""A `servable_config.py` is a module of the package that its folder is."""

import sys
from pathlib import Path

import numpy as np
import pytest

from salver.problems import Unusable
from salver.workers.servable_config.importing import ServableFolder

from .servables import REGISTER, load_text, run, stage_of, write_servable

ECHO = """
def f(x):
    return {value}

@register.register_method("y")
def m(x):
    return register.add_stage(f, x, outputs_count=1)
"""


@pytest.mark.parametrize(
    "imports",
    ["from .words import WORD", "from add.words import WORD", "import add.words\nWORD = add.words.WORD"],
)
@pytest.mark.parametrize("with_init", [False, True])
def test_files_beside_it_are_found(tmp_path: Path, imports: str, with_init: bool) -> None:
    folder = tmp_path / "add"
    folder.mkdir()
    (folder / "words.py").write_text("WORD = 'found'\n")
    if with_init:
        (folder / "__init__.py").write_text("from . import words\nGREETING = words.WORD\n")
    program = load_text(tmp_path, REGISTER + imports + ECHO.format(value="WORD"))
    assert run(stage_of(program, "m.f"), 1, np.zeros((1, 1))) == [("found",)]
    assert getattr(sys.modules["add"], "GREETING", None) == ("found" if with_init else None)


def test_the_folder_above_is_searched_last(tmp_path: Path) -> None:
    (tmp_path / "shared_by_servables.py").write_text("WORD = 'shared'\n")
    program = load_text(tmp_path, REGISTER + "from shared_by_servables import WORD" + ECHO.format(value="WORD"))
    assert run(stage_of(program, "m.f"), 1, np.zeros((1, 1))) == [("shared",)]
    assert sys.path[-1] == str(tmp_path)


def test_the_same_servable_can_be_loaded_again(tmp_path: Path) -> None:
    def load_with(word: str) -> object:
        directory = tmp_path / word
        (directory / "add").mkdir(parents=True)
        (directory / "add" / "words.py").write_text(f"WORD = '{word}'\n")
        program = load_text(directory, REGISTER + "from .words import WORD" + ECHO.format(value="WORD"))
        return run(stage_of(program, "m.f"), 1, np.zeros((1, 1)))

    assert [load_with("one"), load_with("two")] == [[("one",)], [("two",)]]


def test_a_symbolic_link_gives_the_servable_its_name(tmp_path: Path) -> None:
    write_servable(tmp_path / "real", REGISTER + ECHO.format(value="int('x')"), "add-7")
    (tmp_path / "add").symlink_to(tmp_path / "real" / "add-7")
    program = load_text(tmp_path, REGISTER + ECHO.format(value="int('x')"))
    (failure,) = run(stage_of(program, "m.f"), 1, np.zeros((1, 1)))
    assert getattr(failure, "what", None) == "Function 'add.f'"


@pytest.mark.parametrize("name", ["json", "sqlite3"])
def test_a_servable_cannot_be_called_like_another_module(tmp_path: Path, name: str) -> None:
    from salver.workers.servable_config.load import load_servable_config

    place = write_servable(tmp_path, REGISTER + ECHO.format(value="x"), name)
    with pytest.raises(Unusable, match=f"the servable is called '{name}', as is the Python module of .*{name}"):
        load_servable_config(place.file, 1, None, None)
    assert not isinstance(sys.modules.get(name), ServableFolder)


@pytest.mark.parametrize("name", ["resnet-50", "my.model", "中文"])
def test_a_servable_may_be_called_what_no_module_can_be(tmp_path: Path, name: str) -> None:
    from salver.workers.servable_config.load import load_servable_config

    place = write_servable(tmp_path, REGISTER + "from .words import WORD" + ECHO.format(value="WORD"), name)
    (place.file.parent / "words.py").write_text("WORD = 'found'\n")
    program = load_servable_config(place.file, 1, None, None)
    assert program.manifest.servable.name == name
    assert run(stage_of(program, "m.f"), 1, np.zeros((1, 1))) == [("found",)]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("x = 1\nx +", 2, "invalid syntax (servable_config.py, line 2)"),
        ("x = 1\nimport no_such_module_at_all", 2, "No module named 'no_such_module_at_all'"),
        ("def f():\n    return {}['key']\n\nf()", 2, "'key'"),
        ("import sys\n\nsys.exit(3)", 3, "3"),
    ],
)
def test_what_goes_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    with pytest.raises(Unusable) as raised:
        load_text(tmp_path, text)
    problem = raised.value.problem
    assert (problem.where, problem.what) == (
        f"{tmp_path / 'add' / 'servable_config.py'}:{line}",
        f"import add.servable_config failed, {what}",
    )


def test_a_file_can_be_run_by_itself_to_see_whether_it_is_right(tmp_path: Path) -> None:
    import subprocess

    place = write_servable(tmp_path, REGISTER + ECHO.format(value="x"))
    done = subprocess.run([sys.executable, str(place.file)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
