"""`from salver import grpc` in the place of `import grpc`, and what a process makes of it."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.conformance import OWN, serving
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer, ConformanceStub
from support.http import post
from support.paths import ROOT

from salver import grpc as own

_TIMEOUT_S = 20.0
_PATHS = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])


def _python(text: str) -> str:
    """What a program prints, which must end by itself."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env={**os.environ, "PYTHONPATH": _PATHS},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


class Echo(ConformanceServicer):
    def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
        return Response(text=request.text, number=os.getpid())


@contextmanager
def stub_of(port: int) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ConformanceStub(channel)  # type: ignore[no-untyped-call]


def test_all_other_names_are_grpcs_own() -> None:
    assert own.StatusCode is grpc.StatusCode
    assert own.aio.insecure_channel is grpc.aio.insecure_channel
    assert own.server is not grpc.server
    assert own.aio.server is not grpc.aio.server
    assert set(dir(own)) >= set(grpc.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        own.no_such_name  # noqa: B018


def test_its_servers_are_grpcs_servers() -> None:
    assert isinstance(own.server(ThreadPoolExecutor(1)), grpc.Server)
    assert isinstance(own.aio.server(), grpc.aio.Server)


_TYPED = """
from concurrent.futures import ThreadPoolExecutor

from salver import grpc

server: grpc.Server = grpc.server(ThreadPoolExecutor(1), workers=2)
other: grpc.aio.Server = grpc.aio.server(workers=2, compression=grpc.Compression.Gzip)
server.add_secure_port("localhost:0", grpc.ssl_server_credentials(((b"key", b"certificate"),)))
"""


def test_a_type_checker_knows_them_and_their_workers(tmp_path: Path) -> None:
    script = tmp_path / "typed.py"
    script.write_text(_TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", f"--cache-dir={tmp_path}"]
    environment = os.environ | {"MYPYPATH": str(ROOT / "src")}
    checked = subprocess.run(
        [*command, str(script)], capture_output=True, text=True, timeout=55, check=False, cwd=tmp_path, env=environment
    )
    assert checked.returncode == 0, checked.stdout


def test_grpc_is_not_imported_before_it_is_wanted() -> None:
    assert _python("import sys, salver, salver.grpc; print('grpc' in sys.modules)") == "False\n"


_SERVED = """
from concurrent.futures import ThreadPoolExecutor
from salver import grpc
server = grpc.server(ThreadPoolExecutor(2))
server.add_insecure_port("127.0.0.1:0")
"""


@pytest.mark.parametrize(
    "end", ["", "server.start()", "server.start(); server.stop(0.1)", "server.start(); del server"]
)
def test_a_process_ends_with_its_program(end: str) -> None:
    assert _python(f"{_SERVED}{end}\nprint('done')") == "done\n"


def test_a_server_that_nothing_refers_to_stops() -> None:
    server = own.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    del server
    gc.collect()
    with stub_of(port) as stub, pytest.raises(grpc.RpcError) as caught:
        stub.Unary(Request(), timeout=_TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


_FORKED = """
import os
from concurrent.futures import ThreadPoolExecutor
from salver import grpc
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer, ConformanceStub, add_ConformanceServicer_to_server

class Servicer(ConformanceServicer):
    def Unary(self, request, context):
        return Response(number=os.getpid())

server = grpc.server(ThreadPoolExecutor(2))
port = server.add_insecure_port("127.0.0.1:0")
add_ConformanceServicer_to_server(Servicer(), server)
child = os.fork()
if child == 0:
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        print(ConformanceStub(channel).Unary(Request(), timeout=10).number == os.getpid(), flush=True)
    server.stop(None)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_server_may_be_made_before_a_fork_and_started_after_it() -> None:
    assert _python(_FORKED) == "True\n"


_FORKS = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from salver import grpc
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer, ConformanceStub, add_ConformanceServicer_to_server

class Servicer(ConformanceServicer):
    def Unary(self, request, context):
        child = os.fork()
        if child == 0:
            server.stop(None)
            os._exit(3)
        return Response(number=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

server = grpc.server(ThreadPoolExecutor(2))
port = server.add_insecure_port("127.0.0.1:0")
add_ConformanceServicer_to_server(Servicer(), server)
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    stub = ConformanceStub(channel)
    print([stub.Unary(Request(), timeout=10).number for _ in range(2)])
child = os.fork()
if child == 0:
    sys.exit(4)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
server.stop(None)
"""


def test_what_forks_of_a_server_do_is_nothing_to_it() -> None:
    assert _python(_FORKS) == "[3, 3]\n4\n"


@pytest.mark.parametrize("kind", OWN)
def test_generated_code_is_enough_for_json(kind: str) -> None:
    with serving(kind) as place:
        address = place.target
        assert post(address, "/conformance.Conformance/Unary", {"text": "a", "count": 2}).json == {
            "text": "a",
            "number": 2,
        }
        refused = post(address, "/conformance.Conformance/Unary", {"wish": "set", "text": "not here"})
        assert refused.status == 404
        assert "not here" in refused.body.decode()


def test_credentials_that_cannot_be_read_are_refused() -> None:
    server = own.server(ThreadPoolExecutor(1))
    with pytest.raises(ValueError, match="make them with ssl_server_credentials of"):
        server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
    pairs = [(b"key", b"certificate")] * 2
    with pytest.raises(ValueError, match="several certificates on one port are not served"):
        server.add_secure_port("127.0.0.1:0", own.ssl_server_credentials(pairs))
    server.add_secure_port("127.0.0.1:0", own.ssl_server_credentials(pairs[:1]))
    with pytest.raises(ValueError, match="PEM"):
        server.start()
    server.stop(None)


def test_xds_is_refused() -> None:
    with pytest.raises(ValueError, match="xDS is not served"):
        own.server(ThreadPoolExecutor(1), xds=True)


def test_interceptors_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="Interceptor must be ServerInterceptor"):
        own.aio.server(interceptors=[object()])
