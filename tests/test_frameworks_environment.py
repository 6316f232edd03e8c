"""`scripts/frameworks.py`, with a stand-in for pip, which would fetch gigabytes."""

import importlib.util
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

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
    sys.modules[found.name] = module  # where dataclasses look for it
    found.loader.exec_module(module)
    return module


frameworks = load()


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """With an empty cache."""
    pip = Pip()
    monkeypatch.setattr(frameworks, "run", pip.run)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return pip


@pytest.fixture(params=frameworks.ENVIRONMENTS, ids=lambda environment: environment.name)
def wanted(request: pytest.FixtureRequest) -> Any:
    """An environment that this machine can have."""
    return replace(request.param, pythons=(sys.version_info[:2],), disk_bytes=1)


def test_the_environment_is_made_once_and_linked_to(pip: Pip, tmp_path: Path, wanted: Any) -> None:
    for place in (tmp_path / "one", tmp_path / "other", tmp_path / "one"):
        assert frameworks.main(wanted, place) == 0
        assert place.resolve() == wanted.folder()
    alone = [command for command in pip.commands if "--no-deps" in command]
    assert (len(pip.commands) - len(alone), len(alone)) == (2, wanted.alone.exists())
    assert wanted.folder().parent == tmp_path / "cache" / "salver"


def test_what_was_interrupted_is_made_anew(
    pip: Pip, tmp_path: Path, capsys: pytest.CaptureFixture[str], wanted: Any
) -> None:
    pip.fails = True
    assert frameworks.main(wanted, tmp_path / "link") == 1
    assert "pip failed" in capsys.readouterr().err
    assert not (tmp_path / "link").exists()
    pip.fails = False
    assert frameworks.main(wanted, tmp_path / "link") == 0
    assert (tmp_path / "link").is_dir()


def test_other_requirements_are_another_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: Any
) -> None:
    before = wanted.folder()
    shutil.copytree(wanted.requirements.parent, tmp_path / wanted.tests)
    with (tmp_path / wanted.tests / "requirements.txt").open("a") as file:
        file.write("scipy\n")
    monkeypatch.setattr(frameworks, "TESTS", tmp_path)
    assert wanted.folder() != before


def test_a_python_without_wheels_is_told_so(pip: Pip, tmp_path: Path, wanted: Any) -> None:
    with pytest.raises(frameworks.Impossible, match=r"cannot be installed for Python 3.*FRAMEWORKS_PYTHON="):
        frameworks.make(replace(wanted, pythons=()), tmp_path / "environment")
    assert not pip.commands


def test_a_disk_that_is_too_full_is_told_so(pip: Pip, tmp_path: Path, wanted: Any) -> None:
    with pytest.raises(frameworks.Impossible, match="GB free, but 1000000000 are needed: make room"):
        frameworks.make(replace(wanted, disk_bytes=10**18), tmp_path / "environment")
    assert not pip.commands
