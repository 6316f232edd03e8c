"""What a handler is told of its caller's identity, compared with grpcio's own server."""

import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.certificates import make_certificates

from salver import _native
from salver.config.settings import Config, native_settings

NAMES = "subjectAltName=DNS:localhost,DNS:two,IP:127.0.0.1,IP:::1,URI:spiffe://x/y,email:a@b.c"
# What OpenSSL tells of its own handshake.
NOT_TOLD = {"ssl_negotiated_key_exchange_group"}
# A name that would pass for another's, were it not escaped.
FORGED = '/O=Acme, Inc.,CN=admin/OU=a\\+b;\\\\<c> "d"/OU=#1/OU= x /L=Köln/CN=client'


@pytest.fixture(scope="module", params=["plain", "forged"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With server and client certificates of version 3."""
    folder = make_certificates(tmp_path_factory.mktemp("identity"))
    (folder / "names").write_text(NAMES if request.param == "plain" else f"{NAMES},URI:spiffe://x/z")
    if request.param == "forged":
        command = ["openssl", "req", "-new", "-utf8", "-key", "client.key", "-out", "client.csr", "-subj", FORGED]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    for name in ("server", "client"):
        command = f"openssl x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {name}.crt -days 9"
        subprocess.run([*command.split(), "-extfile", "names"], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


def client(folder: Path, address: str, mutual: bool) -> grpc.Channel:
    own = [(folder / name).read_bytes() for name in ("client.key", "client.crt")] if mutual else [None, None]
    return grpc.secure_channel(address, grpc.ssl_channel_credentials((folder / "ca.crt").read_bytes(), *own))


def told_by_grpcio(folder: Path, mutual: bool) -> Mapping[str, Any]:
    told: dict[str, Any] = {}

    def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
        told.update(context.auth_context())
        return b""

    handlers = {"unary": grpc.unary_unary_rpc_method_handler(answer)}
    server = grpc.server(ThreadPoolExecutor(1), [grpc.method_handlers_generic_handler("s.S", handlers)])
    pair = ((folder / "server.key").read_bytes(), (folder / "server.crt").read_bytes())
    authority = (folder / "ca.crt").read_bytes() if mutual else None
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([pair], authority, mutual))
    server.start()
    with client(folder, f"localhost:{port}", mutual) as channel:
        channel.unary_unary("/s.S/unary")(b"")
    server.stop(None).wait()
    return told


@pytest.mark.parametrize("mutual", [True, False])
def test_a_caller_is_told_of_as_by_grpcio(folder: Path, mutual: bool) -> None:
    server, calls = _native.Server(native_settings(Config())), _native.Calls()
    server.serve_services([("s.S", [("unary", False, False)], None)], calls)
    files = [str(folder / name) for name in ("server.crt", "server.key", "ca.crt")]
    address = server.listen("localhost:0", (files[0], files[1], files[2] if mutual else None))
    port = address.rpartition(":")[2]
    with client(folder, f"localhost:{port}", mutual) as channel:
        begun = channel.unary_unary("/s.S/unary").future(b"")
        call = calls.take(30)
        assert call is not None
        told = call.auth_context
        call.finish(0, "", ())
        begun.result()
    calls.close()
    server.stop()
    expected = {key: values for key, values in told_by_grpcio(folder, mutual).items() if key not in NOT_TOLD}
    assert told == expected
