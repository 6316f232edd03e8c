"""Unix sockets, TLS and mutual TLS, with certificates of version 1 that have a common name only."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from support.waiting import until

from mindspore_serving.client import Client as MindSporeClient
from mindspore_serving.client import SSLConfig
from salver.client.api import Client
from salver.client.endpoint import endpoint
from salver.client.errors import SalverError, Unavailable
from salver.client.http import get_json
from salver.testing.server import Server, running

ROW = {"x1": [[1, 2], [3, 4]], "x2": [[1, 1], [1, 1]]}
SUM = [[2, 3], [4, 5]]


@pytest.fixture
def unix(server: Server) -> str:
    return server.addresses[1]


@pytest.fixture
def tls(server: Server) -> str:
    return server.addresses[2]


@pytest.fixture
def mutual_tls(server: Server) -> str:
    return server.addresses[3]


def answers(client: Client) -> bool:
    with client:
        arrays = {name: np.array(value, np.float32) for name, value in ROW.items()}
        return bool(client.infer("add", arrays, timeout=20)["y"].tolist() == SUM)


def curl(*arguments: str) -> object:
    command = ["curl", "-sS", "--max-time", "30", *arguments, "-d", json.dumps(ROW)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=50).stdout)


def test_the_certificates_are_of_version_1_without_alternative_names(certificates: Path) -> None:
    for name in ("server.crt", "client.crt"):
        command = ["openssl", "x509", "-noout", "-text", "-in", str(certificates / name)]
        text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
        assert "Version: 1 (0x0)" in text
        assert "Alternative Name" not in text


def test_unix_sockets_speak_every_protocol(unix: str) -> None:
    path = unix.removeprefix("unix:")
    assert answers(Client(unix))
    assert curl("--unix-socket", path, "http://localhost/servables/add") == {"y": SUM}
    assert MindSporeClient(unix, "text", "predict").infer({"x": "hello"}) == [{"y": "hello"}]
    with triton.InferenceServerClient(unix) as client:
        given = triton.InferInput("x", [1, 2], "FP32")
        given.set_data_from_numpy(np.ones((1, 2), np.float32))
        assert client.infer("scaled", [given]).as_numpy("y").tolist() == [[2, 2]]


def test_tls_shows_the_servers_certificate_and_demands_none(tls: str, certificates: Path) -> None:
    authority = str(certificates / "ca.crt")
    assert answers(Client(tls, ca=authority))
    assert curl("--cacert", authority, f"https://{tls.removeprefix('tls:')}/servables/add") == {"y": SUM}
    assert get_json(endpoint(tls, ca=authority), "/servables", 20)["servables"]
    ssl = SSLConfig(custom_ca=authority)
    client = MindSporeClient(tls.removeprefix("tls:"), "text", "predict", ssl_config=ssl)
    assert client.infer({"x": "hello"}) == [{"y": "hello"}]


def test_mutual_tls_takes_a_certificate_of_the_authority(mutual_tls: str, certificates: Path) -> None:
    ca, certificate, key = (str(certificates / name) for name in ("ca.crt", "client.crt", "client.key"))
    assert answers(Client(mutual_tls, ca=ca, certificate=certificate, key=key))
    target = mutual_tls.removeprefix("mtls:")
    url = f"https://{target}/servables/add"
    assert curl("--cacert", ca, "--cert", certificate, "--key", key, url) == {"y": SUM}
    ssl = SSLConfig(certificate=certificate, private_key=key, custom_ca=ca)
    assert MindSporeClient(target, "text", "predict", ssl_config=ssl).infer({"x": "hello"}) == [{"y": "hello"}]


@pytest.mark.parametrize("holder", [None, "other"])
def test_mutual_tls_refuses_no_certificate_and_one_of_another_authority(
    server: Server, mutual_tls: str, certificates: Path, holder: str | None
) -> None:
    files = {}
    if holder is not None:
        folder = certificates / holder
        files = {"certificate": folder / "client.crt", "key": folder / "client.key"}
    before = len(server.output)
    with Client(mutual_tls, ca=certificates / "ca.crt", **files) as client, pytest.raises(Unavailable):
        client.is_ready(timeout=20)
    until(lambda: "certificate" in server.output[before:].lower())


def test_a_client_of_another_authority_refuses_the_server(tls: str, certificates: Path) -> None:
    with Client(tls, ca=certificates / "other" / "ca.crt") as client, pytest.raises(Unavailable):
        client.is_ready(timeout=20)


def test_tls_on_one_side_only_is_an_error_at_once(server: Server, tls: str, certificates: Path) -> None:
    """At once: long before the time-out of the call, which would be DEADLINE_EXCEEDED."""
    plain_to_tls = Client(tls.removeprefix("tls:"))
    tls_to_plain = Client(f"tls:{server.address}", ca=certificates / "ca.crt")
    for client in (plain_to_tls, tls_to_plain):
        with client, pytest.raises(Unavailable):
            client.is_ready(timeout=50)


def test_curl_with_tls_on_one_side_only_ends_at_once(server: Server, tls: str, certificates: Path) -> None:
    """At once: before curl's own time-out, which would be status 28."""
    target, authority = tls.removeprefix("tls:"), str(certificates / "ca.crt")
    for arguments in ((f"http://{target}",), ("--cacert", authority, f"https://{server.address}")):
        command = ["curl", "-sS", "--max-time", "30", *arguments]
        assert subprocess.run(command, check=False, capture_output=True, timeout=50).returncode not in (0, 28)


def test_plain_http_to_a_tls_port_is_told_so_or_closed(tls: str) -> None:
    host, port = tls.removeprefix("tls:").rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"GET /servables HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.settimeout(20)
        reply = b"".join(iter(lambda: connection.recv(1000), b""))
    assert not reply.startswith(b"HTTP/1.1 200")


def test_certificates_are_read_again_when_their_files_change(models: Path, certificates: Path, tmp_path: Path) -> None:
    for name in ("server.crt", "server.key"):
        shutil.copy(certificates / name, tmp_path / name)
    options = ("--tls-certificate", str(tmp_path / "server.crt"), "--tls-key", str(tmp_path / "server.key"))

    def trusted(authority: Path) -> bool:
        try:
            return answers(Client(server.address, ca=authority))
        except SalverError:
            return False

    with running(models, "--listen", "tls:localhost:0", *options) as server:
        assert trusted(certificates / "ca.crt")
        for name in ("server.key", "server.crt"):
            shutil.copy(certificates / "other" / name, tmp_path / f"{name}.new")
            (tmp_path / f"{name}.new").rename(tmp_path / name)
        until(lambda: trusted(certificates / "other" / "ca.crt"), timeout=40)
        assert not trusted(certificates / "ca.crt")
