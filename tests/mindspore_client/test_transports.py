"""TCP, Unix sockets, TLS and mutual TLS, with the tutorial's certificates."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from mindspore_serving.client import Client, SSLConfig

from .servers import Kitchen, serving

ONES = np.ones((2, 2), np.float32)


def ask(address: str, ssl_config: SSLConfig | None = None) -> Any:
    return Client(address, "add", "add_common", ssl_config=ssl_config).infer({"x1": ONES, "x2": ONES})


def assert_answered(result: Any) -> None:
    np.testing.assert_array_equal(result[0]["y"], ONES + ONES, strict=True)


def assert_refused(result: Any) -> None:
    assert result["error"].startswith("Grpc Error, (14, 'unavailable'), ")


@contextmanager
def tls(folder: Path, *, verify_client: bool) -> Iterator[str]:
    pair = ((folder / "server.key").read_bytes(), (folder / "server.crt").read_bytes())
    authority = (folder / "ca.crt").read_bytes() if verify_client else None
    credentials = grpc.ssl_server_credentials([pair], authority, verify_client)
    with serving(Kitchen(), credentials=credentials) as address:
        yield address


def config(folder: Path, *, certificate: Path | None = None) -> SSLConfig:
    """Trusts the authority of `folder`, and shows the client's certificate of the folder `certificate`."""
    if certificate is None:
        return SSLConfig(custom_ca=str(folder / "ca.crt"))
    return SSLConfig(str(certificate / "client.crt"), str(certificate / "client.key"), str(folder / "ca.crt"))


def test_the_certificates_are_of_version_1_with_a_common_name_only(certificates: Path) -> None:
    command = ["openssl", "x509", "-in", "server.crt", "-noout", "-text"]
    text = subprocess.run(command, cwd=certificates, check=True, capture_output=True, text=True, timeout=60).stdout
    if "Version: 1" not in text:
        pytest.skip("this openssl signs requests as X.509 v3")
    assert "Subject Alternative Name" not in text


@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_a_unix_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(Kitchen(), "unix:socket" if relative else f"unix:{tmp_path}/socket") as address:
        assert_answered(ask(address))


def test_tls(certificates: Path) -> None:
    with tls(certificates, verify_client=False) as address:
        assert_answered(ask(address, config(certificates)))


def test_mutual_tls(certificates: Path) -> None:
    with tls(certificates, verify_client=True) as address:
        assert_answered(ask(address, config(certificates, certificate=certificates)))


def test_a_server_of_another_authority_is_refused(certificates: Path, strangers: Path) -> None:
    with tls(strangers, verify_client=False) as address:
        assert_refused(ask(address, config(certificates)))


def test_a_client_without_certificate_is_refused(certificates: Path) -> None:
    with tls(certificates, verify_client=True) as address:
        assert_refused(ask(address, config(certificates)))


def test_a_client_of_another_authority_is_refused(certificates: Path, strangers: Path) -> None:
    with tls(certificates, verify_client=True) as address:
        assert_refused(ask(address, config(certificates, certificate=strangers)))


def test_tls_on_one_side_only_is_an_error(certificates: Path) -> None:
    with tls(certificates, verify_client=False) as address:
        assert_refused(ask(address))
    with serving(Kitchen()) as address:
        assert_refused(ask(address, config(certificates)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.crt"):
        ask("localhost:1", SSLConfig(custom_ca=str(tmp_path / "absent.crt")))
