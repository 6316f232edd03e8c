from pathlib import Path

import pytest

from salver.client.endpoint import endpoint
from salver.client.errors import InvalidCall


@pytest.mark.parametrize(
    ("address", "target", "secure", "host"),
    [
        ("localhost:8500", "localhost:8500", False, "localhost"),
        ("[::1]:8500", "[::1]:8500", False, "::1"),
        ("tls:example.org:443", "example.org:443", True, "example.org"),
        ("mtls:example.org:443", "example.org:443", True, "example.org"),
        ("unix:/run/s", "unix:/run/s", False, "localhost"),
        ("tls:unix:s", "unix:s", True, "localhost"),
    ],
)
def test_addresses_are_read_as_servers_print_them(address: str, target: str, secure: bool, host: str) -> None:
    read = endpoint(address)
    assert (read.target, read.secure, read.host) == (target, secure, host)


def test_an_authority_alone_means_tls(tmp_path: Path) -> None:
    pem = tmp_path / "ca.crt"
    pem.touch()
    assert endpoint("localhost:1", ca=pem).secure


@pytest.mark.parametrize(
    ("address", "files", "told"),
    [
        ("localhost", {}, "host:port.*; did you mean localhost:8500"),
        ("tls:localhost", {}, "host:port.*; did you mean tls:localhost:8500"),
        ("localhost:x", {}, "host:port"),
        ("tls:localhost:1", {"certificate": "{pem}"}, "together"),
        ("localhost:1", {"certificate": "{pem}", "key": "{pem}"}, "write tls:localhost:1"),
        ("tls:localhost:1", {"ca": "gone.crt"}, "no file 'gone.crt'"),
    ],
)
def test_what_cannot_work_is_told(tmp_path: Path, address: str, files: dict[str, str], told: str) -> None:
    pem = tmp_path / "some.pem"
    pem.touch()
    with pytest.raises(InvalidCall, match=told):
        endpoint(address, **{name: value.format(pem=pem) for name, value in files.items()})
