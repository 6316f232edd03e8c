"""Fixtures: the certificates of the MindSpore Serving tutorial, and the example `resnet50`."""

import shutil
from pathlib import Path

import pytest
from support.certificates import make_certificates
from support.ports import free_port

from .scripts import EXAMPLES, run


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.crt, server.crt, server.key, client.crt and client.key."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same files, of the same names, by another authority."""
    return make_certificates(tmp_path_factory.mktemp("strangers"))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example `resnet50`, with its model and images."""
    folder = tmp_path_factory.mktemp("resnet50") / "example"
    shutil.copytree(EXAMPLES / "resnet50", folder, ignore=shutil.ignore_patterns("1", "test_image"))
    run(folder / "make_model.py")
    return folder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that are started here write logs into the current folder."""
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))


@pytest.fixture
def port() -> str:
    """A free one."""
    return str(free_port())
