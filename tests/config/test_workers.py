"""What may be said of workers that join a server: nothing that would let other hosts in without proof."""

from pathlib import Path

import pytest

from salver.config.addresses import address, workers_address
from salver.config.load import load, load_worker
from salver.problems import Unusable

TOKEN = "0123456789abcdef"
SERVER = {"tls_certificate": "{pem}", "tls_key": "{pem}", "tls_client_ca": "{pem}"}
WORKER = {"tls_certificate": "{pem}", "tls_key": "{pem}", "tls_ca": "{pem}"}


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    (tmp_path / "some.pem").write_text(TOKEN)
    return tmp_path / "some.pem"


def filled(flags: dict[str, str], pem: Path) -> dict[str, str]:
    return {name: text.format(pem=pem) for name, text in flags.items()}


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.example:1", False),
    ],
)
def test_only_what_says_so_itself_is_this_host_alone(text: str, loopback: bool) -> None:
    assert address(text).is_loopback is loopback


def test_host_and_port_are_read_apart() -> None:
    assert (address("mtls:[::1]:7").host, address("mtls:[::1]:7").port) == ("::1", 7)


@pytest.mark.parametrize("text", ["unix:/run/s", "tls:localhost:1", "mtls:unix:/run/s", "8600"])
def test_workers_join_over_tcp_plain_or_with_certificates_on_both_sides(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        workers_address(text)


@pytest.mark.parametrize(
    ("flags", "token"),
    [
        ({"accept_workers": "127.0.0.1:1"}, ""),
        ({"accept_workers": "127.0.0.1:1"}, TOKEN),
        ({"accept_workers": "mtls:127.0.0.1:1", **SERVER}, ""),
        ({"accept_workers": "mtls:0.0.0.0:1", **SERVER}, TOKEN),
        ({"accept_workers": "mtls:0.0.0.0:1", "worker_token_file": "{pem}", **SERVER}, ""),
    ],
)
def test_a_server_lets_workers_in_so(flags: dict[str, str], token: str, pem: Path) -> None:
    config = load(filled(flags, pem), {"SALVER_WORKER_TOKEN": token})
    said = TOKEN if "worker_token_file" in flags else token
    assert (str(config.accept_workers), config.worker_token) == (flags["accept_workers"], said.encode())
    assert TOKEN not in repr(config)


@pytest.mark.parametrize(
    ("flags", "token", "where", "remedy"),
    [
        ({"accept_workers": "0.0.0.0:1"}, TOKEN, "--accept-workers", "write --accept-workers mtls:0.0.0.0:1"),
        ({"accept_workers": "mtls:0.0.0.0:1"}, TOKEN, "--accept-workers", "give both --tls-certificate and --tls-key"),
        ({"accept_workers": "mtls:0.0.0.0:1", **SERVER}, "", "--accept-workers", "put one into a file"),
        ({"accept_workers": "127.0.0.1:1"}, "short", "SALVER_WORKER_TOKEN", "take a longer one"),
        ({"accept_workers": "127.0.0.1:1", "worker_token_file": "gone"}, "", "gone", "put the token there"),
        ({"accept_workers": "127.0.0.1:1", "worker_token_file": "{pem}"}, TOKEN, "SALVER_WORKER_TOKEN", "keep one"),
        ({"worker_token_file": "{pem}"}, "", "--worker-token-file", "write --accept-workers ADDR"),
    ],
)
def test_a_server_does_not_let_workers_in_so(
    flags: dict[str, str], token: str, where: str, remedy: str, pem: Path
) -> None:
    with pytest.raises(Unusable) as refused:
        load(filled(flags, pem), {"SALVER_WORKER_TOKEN": token})
    assert refused.value.problem.where == where
    assert remedy in refused.value.problem.remedy
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("flags", "token", "where", "remedy"),
    [
        ({}, "", "--join", "give the address"),
        ({"join": "10.0.0.1:1"}, TOKEN, "--join", "write --join mtls:10.0.0.1:1"),
        ({"join": "mtls:10.0.0.1:1"}, TOKEN, "--join", "give --tls-certificate, --tls-key and --tls-ca"),
        ({"join": "mtls:10.0.0.1:1", **WORKER}, "", "--join", "put one into a file"),
        ({"join": "127.0.0.1:1", **WORKER}, "", "--join", "write --join mtls:127.0.0.1:1"),
        ({"join": "127.0.0.1:1", "servable_version": "0"}, "", "--version", "`salver worker --help`"),
        ({"join": "mtls:10.0.0.1:1", **WORKER, "tls_ca": "gone"}, TOKEN, "gone", "the path of a PEM file"),
    ],
)
def test_a_worker_does_not_join_so(flags: dict[str, str], token: str, where: str, remedy: str, pem: Path) -> None:
    with pytest.raises(Unusable) as refused:
        load_worker(filled(flags, pem), {"SALVER_WORKER_TOKEN": token})
    assert refused.value.problem.where == where
    assert remedy in refused.value.problem.remedy


def test_a_worker_joins_so(pem: Path) -> None:
    config = load_worker(filled({"join": "mtls:10.0.0.1:1", **WORKER}, pem), {"SALVER_WORKER_TOKEN": TOKEN})
    assert (str(config.join), config.worker_token) == ("mtls:10.0.0.1:1", TOKEN.encode())
    config = load_worker({}, {"SALVER_JOIN": "127.0.0.1:1", "SALVER_WORKERS": "3"})
    assert (str(config.join), config.workers, config.servable_version) == ("127.0.0.1:1", 3, None)
