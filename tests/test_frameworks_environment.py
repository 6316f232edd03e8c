"""`scripts/frameworks.py`, with a stand-in for pip, which would fetch gigabytes."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from support.paths import ROOT


class Pip:
    """Stands for the commands that make an environment."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []
        self.fails = False

    def run(self, *command: str | Path) -> None:
        self.commands.append(tuple(map(str, command)))
        if "venv" in command:
            Path(command[-1]).mkdir()
        elif self.fails:
            raise frameworks.Impossible("pip failed")


def load() -> ModuleType:
    found = importlib.util.spec_from_file_location("frameworks_script", ROOT / "scripts" / "frameworks.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


frameworks = load()


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """On a machine that can have the environment, with an empty cache."""
    pip = Pip()
    monkeypatch.setattr(frameworks, "run", pip.run)
    monkeypatch.setattr(frameworks, "PYTHONS", (frameworks.sys.version_info[:2],))
    monkeypatch.setattr(frameworks, "DISK_BYTES", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return pip


def test_the_environment_is_made_once_and_linked_to(pip: Pip, tmp_path: Path) -> None:
    for place in (tmp_path / "one", tmp_path / "other", tmp_path / "one"):
        assert frameworks.main(place) == 0
        assert place.resolve() == frameworks.folder()
    assert len(pip.commands) == 2
    assert frameworks.folder().parent == tmp_path / "cache" / "salver"


def test_what_was_interrupted_is_made_anew(pip: Pip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pip.fails = True
    assert frameworks.main(tmp_path / "link") == 1
    assert "pip failed" in capsys.readouterr().err
    assert not (tmp_path / "link").exists()
    pip.fails = False
    assert frameworks.main(tmp_path / "link") == 0
    assert (tmp_path / "link").is_dir()


def test_other_requirements_are_another_environment(pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = frameworks.folder()
    shutil.copyfile(frameworks.REQUIREMENTS, tmp_path / "requirements.txt")
    with (tmp_path / "requirements.txt").open("a") as file:
        file.write("scipy\n")
    monkeypatch.setattr(frameworks, "REQUIREMENTS", tmp_path / "requirements.txt")
    assert frameworks.folder() != before


def test_a_python_without_mindspore_is_told_so(pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frameworks, "PYTHONS", ())
    with pytest.raises(frameworks.Impossible, match=r"MindSpore has no wheel for Python 3.*FRAMEWORKS_PYTHON="):
        frameworks.make(tmp_path / "environment")
    assert not pip.commands


def test_a_disk_that_is_too_full_is_told_so(pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frameworks, "DISK_BYTES", 10**18)
    with pytest.raises(frameworks.Impossible, match="GB free, but 1000000000 are needed: make room"):
        frameworks.make(tmp_path / "environment")
    assert not pip.commands
