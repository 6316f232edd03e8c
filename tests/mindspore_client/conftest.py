"""Fixtures: a server with a prepared answer, and the certificates of the MindSpore Serving tutorial."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .servers import Prepared, serving

# The tutorial's commands: certificates with a common name and nothing else (X.509 v1 with OpenSSL 3.0).
OPENSSL = [
    'req -x509 -nodes -days 365 -newkey rsa:2048 -keyout ca.key -out ca.crt -subj "/C=CN/ST=xx/L=xx/OU=gRPC/CN=Root"',
    "genrsa -out server.key 2048",
    'req -new -key server.key -out server.csr -subj "/C=XX/ST=MyST/L=XX/O=HW/OU=gRPC/CN=localhost"',
    "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 365 -sha256",
    "genrsa -out client.key 2048",
    'req -new -key client.key -out client.csr -subj "/C=XX/ST=MyST/L=XX/O=HW/OU=gRPC/CN=client"',
    "x509 -req -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out client.crt -days 365 -sha256",
]


def _make_certificates(folder: Path) -> Path:
    for command in OPENSSL:
        subprocess.run(["openssl", *shlex.split(command)], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.crt, server.crt, server.key, client.crt and client.key."""
    return _make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same files, of the same names, by another authority."""
    return _make_certificates(tmp_path_factory.mktemp("strangers"))


@pytest.fixture
def server() -> Iterator[Prepared]:
    """A server on a TCP port; its answer is the test's to set."""
    prepared = Prepared()
    with serving(prepared) as prepared.address:
        yield prepared
