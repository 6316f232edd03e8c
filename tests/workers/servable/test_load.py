"""From a servable's file to its program, and what its author is told when something is wrong with it."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from support.models import batchable_add
from support.programs import line_of, load, run, write

from salver.authoring.manifest import manifest_from_json
from salver.problems import Unusable
from salver.workers.servable.load import load_servable


def methods(program: object) -> list[str]:
    names = [method.name for method in program.manifest.servable.methods]  # type: ignore[attr-defined]
    return [name for name in names if not name.startswith("@")]


def test_methods_are_those_of_the_file_in_the_order_of_their_definition(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import salver\n\n@salver.function\ndef shared(x: int) -> int:\n    return x\n")
    program = load(
        tmp_path,
        """
        from beside import shared

        @salver.stage
        def unused(x: int) -> int:
            return x

        @salver.function
        def used(x: int) -> int:
            return x

        class Base:
            def inherited(self, x: int) -> int:
                return x

        @salver.servable
        class Holder(Base):
            kind = "a plain value"
            def setup(self): pass
            def warm_up(self): pass
            def close(self): pass
            def _private(self, x): pass
            @property
            def size(self): raise AssertionError
            @staticmethod
            def _helper(x): pass
            @classmethod
            def _make(cls): pass
            @staticmethod
            def fixed(x: int) -> int:
                return x
            def own(self, x: int) -> int:
                return x

        @salver.method
        def traced(x: int) -> int:
            return used(x)

        @salver.function
        def last(x: int) -> int:
            return x

        again = last
        """,
    )
    assert methods(program) == ["shared", "inherited", "fixed", "own", "traced", "last"]
    assert manifest_from_json(program.manifest.to_json()) == program.manifest


def test_static_methods_and_those_of_a_class_are_methods_like_others(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.servable
        class Holder:
            @staticmethod
            def next(x: int) -> int: return x + 1
            @classmethod
            def kind(cls, x: int) -> str: return cls.__name__
            @staticmethod
            @salver.function
            def twice(x: int) -> int: return x * 2
            def four_times(self, x: int) -> int: return int(self.twice(self.twice(x)))
        """,
    )
    outcomes = [run(program, name, np.arange(2))[0] for name in methods(program)]
    assert [list(column) for column in outcomes] == [[1, 2], ["Holder"] * 2, [0, 2], [0, 4]]


@pytest.mark.parametrize("kind", ["staticmethod", "classmethod"])
def test_decorators_in_the_wrong_order_are_told(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Unusable) as told:
        load(tmp_path, f"class Holder:\n    @salver.stage\n    @{kind}\n    def f(x: int) -> int: return x")
    file, _, line = told.value.problem.where.rpartition(":")
    assert Path(file).read_text().splitlines()[int(line) - 1] == "    @salver.stage"
    assert told.value.problem.remedy == f"put @{kind} above @salver.stage"


def test_options_of_the_file_and_its_classes_come_together(tmp_path: Path) -> None:
    source = """
    options = salver.options(workers=2, run_timeout=5)

    @salver.servable(device="cuda:0")
    class Told:
        def setup(self, device):
            self.device = device
        def where(self, x: int, context: salver.Context) -> tuple[str, str]:
            return self.device, context.device
    """
    program = load(tmp_path, source)
    program.set_up()
    assert (program.manifest.workers, program.manifest.run_timeout_s) == (2, 5.0)
    assert run(program, "where", np.arange(1)) == [["cuda:0"], ["cuda:0"]]
    elsewhere = load(tmp_path, source, device="cuda:1")
    elsewhere.set_up()
    assert run(elsewhere, "where", np.arange(1)) == [["cuda:1"], ["cuda:1"]]


def test_an_object_lives_from_set_up_to_close(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
        @salver.servable
        class First:
            def __init__(self): self.seen = []
            def setup(self): self.seen.append("set up")
            def warm_up(self): self.seen.append("warm")
            def close(self): raise RuntimeError("closing goes on with the others")
            def first(self, x: int) -> str: return ", ".join(self.seen)

        @salver.servable
        class Second:
            def close(self): print("closed")
            def second(self, x: int) -> int: return x
        """,
    )
    program.set_up()
    program.warm_up()
    assert run(program, "first", np.arange(1)) == [["set up, warm"]]
    program.close()


def test_closing_goes_from_the_last_to_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "\n".join(
        f"@salver.servable\nclass {name}:\n    def {name}(self, x: int) -> int: return x\n    def close(self): {act}"
        for name, act in zip("abcd", ("print('a')", "raise ValueError", "raise SystemExit", "print('d')"), strict=True)
    )
    load(tmp_path, source).close()
    assert capsys.readouterr().out == "d\na\n"


def test_files_beside_it_can_be_imported_and_its_own_names_found(tmp_path: Path) -> None:
    (tmp_path / "helper_of_one.py").write_text("def double(x):\n    return 2 * x\n")
    program = load(
        tmp_path,
        """
        import pickle
        from helper_of_one import double

        @dataclass
        class Held:
            x: "int"
            y: "Pair"

        @salver.servable
        class Late:
            def late(self, x: int) -> Held:
                import helper_of_one
                assert pickle.loads(pickle.dumps(Held(1, None))) == Held(1, None)
                return Held(helper_of_one.double(x), [1, 2])
        """,
    )
    assert run(program, "late", np.arange(2))[0].tolist() == [0, 2]


def test_a_file_does_not_hide_a_module_of_its_name(tmp_path: Path) -> None:
    import json

    file = write(tmp_path, "@salver.function\ndef f(x: int) -> int: return x\n", "json.py")
    load_servable(file, "json", 1)
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("source", "what", "remedy"),
    [
        ("def f(:  # here", "SyntaxError: invalid syntax", "mend that line"),
        ("import no_such_package.part  # here", "No module named 'no_such_package'", "pip install no_such_package, or"),
        ("import yaml  # here", "No module named 'yaml'", "pip install pyyaml, or put yaml.py beside the file"),
        ("from numpy import nothing  # here", "ImportError: cannot import name 'nothing'", "mend it"),
        ("1 / 0  # here", "ZeroDivisionError: division by zero", "mend it"),
        ("import sys; sys.exit(3)  # here", "it calls exit(3)", "mend it"),
        ("open('/nowhere/at/all')  # here", "FileNotFoundError", "mend it"),
        ("@salver.function\ndef f(x: list[str]) -> str: ...  # here", "list[str] is no contract", "describe one row"),
        (
            "@salver.function(size=3)  # here\ndef f(x: int) -> int: ...",
            "unexpected keyword argument 'size'",
            "mend it",
        ),
        (
            "salver.model('net.onnx')\nnet = salver.model('no.onnx')  # here",
            "'no.onnx', which is not in",
            "mend the path",
        ),
        (
            "@salver.method\ndef m(x: int):\n    return x + 1  # here",
            "computes with the input 'x'",
            "a function decorated with @salver.stage",
        ),
        (
            "def helper(x):\n    return x.strip()  # here\n@salver.method\ndef m(x: str):\n    return helper(x)",
            "asks for 'strip' of the input 'x'",
            "@salver.stage",
        ),
        ("@salver.method\ndef m(x: int):\n    raise KeyError('late')  # here", "KeyError: 'late'", "mend it"),
        (
            "@salver.function\ndef f(x: int) -> int: ...\n@salver.servable\nclass C:\n    def f(self, x): ...  # here",
            "defines the method 'f', as does",
            "another name",
        ),
        (
            "@salver.function\ndef größe(x: int) -> int: ...  # here",
            "a name that not every protocol carries",
            "letters, digits",
        ),
        (
            "@salver.servable\nclass C:  # here\n    def __init__(self, path): ...\n    def f(self, x): ...",
            "the class C cannot be made without arguments: missing a required argument: 'path'",
            "setup(self, device)",
        ),
        (
            "@salver.servable\nclass C:\n    def __init__(self): 1 / 0  # here\n    def f(self, x: int) -> int: ...",
            "ZeroDivisionError",
            "mend it",
        ),
        (
            "@salver.servable\nclass C:\n    async def setup(self): ...  # here\n    def f(self, x: int) -> int: ...",
            "`setup` of the class C is asynchronous",
            "plain `def`",
        ),
        (
            "@salver.servable\nclass C:\n    @salver.method\n    def f(self, x: int) -> int: ...  # here",
            "'f' of the class C is decorated with @salver.method",
            "beside the class",
        ),
        ("a = salver.options(workers=2)\nb = salver.options(workers=3)  # here", "says workers=3, but", "say it once"),
        (
            "@salver.function(example={'y': 1})\ndef f(x: int) -> int: ...  # here",
            "the example of 'f' has no 'x'",
            "one value for each of x",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_a_remedy(tmp_path: Path, source: str, what: str, remedy: str) -> None:
    onnx.save(batchable_add(), tmp_path / "net.onnx")
    file = write(tmp_path, source)
    with pytest.raises(Unusable) as refused:
        load_servable(file, "s", 1)
    problem = refused.value.problem
    assert problem.where == line_of(file)
    assert what in problem.what
    assert remedy in problem.remedy


@pytest.mark.parametrize("source", ["", "@salver.stage\ndef f(x: int) -> int: ...", "class Plain:\n    pass"])
def test_a_file_without_a_method_is_refused(tmp_path: Path, source: str) -> None:
    file = write(tmp_path, source)
    with pytest.raises(Unusable, match="has no method that could be called") as refused:
        load_servable(file, "s", 1)
    assert refused.value.problem.where == str(file)
    assert "@salver.function or @salver.method" in refused.value.problem.remedy


def test_what_is_wrong_in_a_file_beside_it_is_told_there(tmp_path: Path) -> None:
    (tmp_path / "broken_one.py").write_text("x = 1\nx.append(2)\n")
    with pytest.raises(Unusable) as refused:
        load(tmp_path, "import broken_one\n")
    assert refused.value.problem.where == f"{tmp_path / 'broken_one.py'}:2"
    assert "'int' object has no attribute 'append'" in refused.value.problem.what


def test_setting_up_fails_with_the_line_that_does(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        @salver.servable
        class C:
            def setup(self):
                import cv2  # here
            def warm_up(self):
                return self.net
            def f(self, x: int) -> int: ...
        """,
    )
    program = load_servable(file, "s", 1)
    with pytest.raises(Unusable) as refused:
        program.set_up()
    assert refused.value.problem.where == line_of(file)
    assert refused.value.problem.remedy.startswith("pip install opencv-python-headless")
    with pytest.raises(Unusable, match="has no attribute 'net'"):
        program.warm_up()
