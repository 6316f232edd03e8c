import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from salver.problems import Unusable
from salver.runtimes.workers import load_model, read_contract, suffixes

# A runtime of somebody else's package: it gives the file's bytes times its input.
FOREIGN = """
from salver.authoring.spec import Port
from salver.runtimes.workers import ModelCode, Signature

NAME = "times"
FRAMEWORK = {framework!r}
INSTALL = "salver-times"
SIGNATURE = Signature((Port("x", "float32", ("n",)),), (Port("y", "float32", ("n",)),))

class Times(ModelCode):
    def __init__(self, factor):
        super().__init__(SIGNATURE)
        self.factor = factor

    def run(self, columns):
        return [columns[0] * self.factor]

def read_contract(path):
    return SIGNATURE

def load(path, options):
    return Times(float(path.read_text()) * options.get("factor", 1))
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which packages are installed, as pip does it."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(
    site: Path, name: str, *, source: str = FOREIGN, framework: str | None = None, suffix: str = "times"
) -> None:
    module = f"{name.replace('-', '_')}_{site.parent.name}"
    (site / f"{module}.py").write_text(source.replace("{framework!r}", repr(framework)))
    information = site / f"{name.replace('-', '_')}-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (information / "entry_points.txt").write_text(f"[salver.runtimes]\n{suffix} = {module}\n")


def model(folder: Path, content: str = "3") -> Path:
    file = folder / "model.times"
    file.write_text(content)
    return file


def test_the_endings_of_its_own_runtimes_are_known() -> None:
    assert suffixes() >= {".mindir", ".pt", ".pt2", ".table", ".torchscript"}


def test_what_is_asked_before_a_model_is_loaded_imports_neither_numpy_nor_a_runtime() -> None:
    code = (
        "import sys; from salver.runtimes.workers import suffixes; suffixes();"
        "print({'numpy', 'salver.runtimes.mindir', 'salver.runtimes.dictionary'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)
    assert done.stdout == "set()\n"


def test_an_installed_package_adds_a_runtime(site: Path, tmp_path: Path) -> None:
    install(site, "salver-times")
    assert ".times" in suffixes()
    file = model(tmp_path)
    signature = read_contract(file)
    assert signature is not None
    assert str(signature.inputs[0]) == "x: float32[n]"
    loaded = load_model(file, {"factor": 2})
    assert loaded.inputs == signature.inputs
    assert loaded.run([np.float32([1, 2])])[0].tolist() == [6, 12]  # type: ignore[arg-type, union-attr]
    loaded.close()


def test_no_package_replaces_a_runtime_of_salvers_own(site: Path, tmp_path: Path) -> None:
    install(site, "salver-times", suffix="table")
    (tmp_path / "x.table").write_text("3")
    with pytest.raises(Unusable, match="holds a declaration"):
        load_model(tmp_path / "x.table", {})


def test_two_packages_for_one_ending_are_both_named(site: Path, tmp_path: Path) -> None:
    install(site, "salver-times")
    install(site, "times-for-salver")
    with pytest.raises(Unusable, match="salver-times and times-for-salver\n  remedy: uninstall one"):
        load_model(model(tmp_path), {})


def test_a_package_that_cannot_be_imported_is_named(site: Path, tmp_path: Path) -> None:
    install(site, "salver-times", source="import nothing_of_this_name")
    what = r"the runtime of salver-times for files that end in '\.times' cannot be imported: No module named 'nothing_"
    with pytest.raises(Unusable, match=what):
        load_model(model(tmp_path), {})


def test_a_framework_that_is_not_installed_is_named_with_the_command_that_installs_it(
    site: Path, tmp_path: Path
) -> None:
    install(site, "salver-times", framework="timeslib")
    with pytest.raises(Unusable) as problem:
        load_model(model(tmp_path), {})
    assert problem.value.problem.what == "needs timeslib, which is not installed"
    assert problem.value.problem.remedy == "pip install 'salver-times'"
    assert read_contract(model(tmp_path)) is not None


@pytest.mark.parametrize("source", ["raise RuntimeError('too old')", "import something_that_it_needs"])
def test_a_framework_that_cannot_be_imported_is_not_called_missing(site: Path, tmp_path: Path, source: str) -> None:
    framework = f"broken_{abs(hash(source))}"
    (site / f"{framework}.py").write_text(source)
    install(site, "salver-times", framework=framework)
    with pytest.raises(Unusable, match=f"needs {framework}, which cannot be imported: (too old|No module)") as problem:
        load_model(model(tmp_path), {})
    assert problem.value.problem.remedy == "pip install --upgrade 'salver-times'"


@pytest.mark.parametrize(
    ("ending", "framework", "extra"),
    [
        ("mindir", "mindspore", "mindspore"),
        ("pt", "torch", "torch"),
        ("pt2", "torch", "torch"),
        ("torchscript", "torch", "torch"),
    ],
)
def test_without_its_framework_a_model_is_not_loaded(tmp_path: Path, ending: str, framework: str, extra: str) -> None:
    if find_spec(framework):
        pytest.skip(f"{framework} is installed here")
    file = tmp_path / f"model.{ending}"
    file.touch()
    with pytest.raises(Unusable) as problem:
        load_model(file, {})
    assert str(problem.value) == (
        f"{file}: needs {framework}, which is not installed\n  remedy: pip install 'salver[{extra}]'"
    )


def test_a_file_of_no_known_kind_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(
        Unusable, match=r"no runtime runs files that end in '\.weights'\n  remedy: give one of \.mindir"
    ):
        load_model(tmp_path / "model.weights", {})


@pytest.mark.parametrize("name", ["model.mindir", "model.table"])
def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path, name: str) -> None:
    for do in (read_contract, lambda path: load_model(path, {})):
        with pytest.raises(Unusable, match="there is no such file"):
            do(tmp_path / name)


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "model.table").mkdir()
    with pytest.raises(Unusable, match="cannot be read: Is a directory\n  remedy: let the server's user read it"):
        load_model(tmp_path / "model.table", {})
