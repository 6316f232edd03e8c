"""One real server for most tests; those that end or overload a server start their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from onnx import save
from support.certificates import make_example_certificates
from support.models import scaled, write_all

from salver.client.api import Client
from salver.testing.server import Server, running


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_all(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def authored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The servables of the folder `authored`, with the model that one of them uses."""
    folder = tmp_path_factory.mktemp("authored")
    source = Path(__file__).with_name("authored")
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    save(scaled(2.0), folder / "forms" / "scaled.onnx")
    return folder


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_example_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def tls_options(certificates: Path) -> tuple[str, ...]:
    files = {"certificate": "server.crt", "key": "server.key", "client-ca": "ca.crt"}
    return tuple(text for flag, name in files.items() for text in (f"--tls-{flag}", str(certificates / name)))


@pytest.fixture(scope="session")
def server(models: Path, tls_options: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Listens on TCP, a Unix socket, TLS and mutual TLS, in this order."""
    socket = tmp_path_factory.mktemp("socket") / "s"
    listen = ("127.0.0.1:0", f"unix:{socket}", "tls:localhost:0", "mtls:localhost:0")
    options = [text for address in listen for text in ("--listen", address)]
    with running(models, *options, *tls_options) as server:
        yield server


@pytest.fixture
def address(server: Server) -> str:
    return server.address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client
