"""Fixtures: a server with a prepared answer, and the certificates of the MindSpore Serving tutorial."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import make_certificates

from .servers import Prepared, serving


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.crt, server.crt, server.key, client.crt and client.key."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same files, of the same names, by another authority."""
    return make_certificates(tmp_path_factory.mktemp("strangers"))


@pytest.fixture
def server() -> Iterator[Prepared]:
    """A server on a TCP port; its answer is the test's to set."""
    prepared = Prepared()
    with serving(prepared) as prepared.address:
        yield prepared
