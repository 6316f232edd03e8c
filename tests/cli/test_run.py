"""Scripts that know nothing of salver, run by it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
import pytest
from support.conformance_pb2 import Request
from support.conformance_pb2_grpc import ConformanceStub
from support.http import get
from support.paths import ROOT
from support.ports import free_port

_TIMEOUT_S = 30.0

_SERVICER = """
import os, sys
from concurrent import futures
import grpc
from support.conformance_pb2 import Response
from support.conformance_pb2_grpc import ConformanceServicer, add_ConformanceServicer_to_server

class Servicer(ConformanceServicer):
    def Unary(self, request, context):
        return Response(text=" ".join(sys.argv[2:]), number=os.getpid())

def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    add_ConformanceServicer_to_server(Servicer(), server)
    server.start()
    os.write(1, b"started\\n")
    server.wait_for_termination()
"""

_PLAIN = f"{_SERVICER}\nserve()\n"

_ASYNC = """
import asyncio, os, sys
import grpc
from support.conformance_pb2 import Response
from support.conformance_pb2_grpc import ConformanceServicer, add_ConformanceServicer_to_server

class Servicer(ConformanceServicer):
    async def Unary(self, request, context):
        return Response(text=" ".join(sys.argv[2:]), number=os.getpid())

async def main():
    server = grpc.aio.server()
    add_ConformanceServicer_to_server(Servicer(), server)
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    await server.start()
    os.write(1, b"started\\n")
    await server.wait_for_termination()

asyncio.run(main())
"""

_THREE = """
import multiprocessing
{servicer}
if __name__ == "__main__":
    multiprocessing.set_start_method("{method}")
    for _ in range(3):
        multiprocessing.Process(target=serve).start()
"""


def _environment() -> dict[str, str]:
    paths = [str(ROOT / "src"), str(ROOT / "tests")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def running(folder: Path, script: str, *arguments: str, servers: int = 1) -> Iterator[int]:
    """The script, once it has started so many servers; gives their port."""
    with started(folder, script, *arguments, servers=servers) as (_, port):
        yield port


@contextmanager
def started(
    folder: Path, script: str, *arguments: str, servers: int = 1
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The same, with its process, which is ended with all that it has started."""
    (folder / "server.py").write_text(script, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "salver", "run", "server.py", str(port), *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            for _ in range(servers):
                assert process.stdout.readline() == "started\n"
            yield process, port
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def pid_of_server(port: int) -> int:
    """Whoever gets a new connection."""
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        number: int = ConformanceStub(channel).Unary(Request(), timeout=_TIMEOUT_S).number  # type: ignore[no-untyped-call]
        return number


@pytest.mark.parametrize("script", [_PLAIN, _ASYNC], ids=["threads", "event loop"])
def test_a_script_runs_as_it_is_on_the_native_server(tmp_path: Path, script: str) -> None:
    with running(tmp_path, script, "--flag", "word") as port:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = ConformanceStub(channel).Unary(Request(), timeout=_TIMEOUT_S)  # type: ignore[no-untyped-call]
        assert answer.text == "--flag word"
        assert b"salver_" in get(f"127.0.0.1:{port}", "/metrics").body


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_a_script_share_a_port(tmp_path: Path, method: str) -> None:
    script = _THREE.format(servicer=_SERVICER, method=method)
    with running(tmp_path, script, servers=3) as port:
        assert b"salver_" in get(f"127.0.0.1:{port}", "/metrics").body
        seen = set()
        while len(seen) < 3:
            seen.add(pid_of_server(port))


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salver", "run", *arguments]
    return subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("absent.py", None, "there is no such file"),
        (".", None, "is a folder"),
        ("wrong.py", "import os\ndef wrong(:\n", "wrong.py:2: is no Python: "),
        ("binary.py", "\0\1\2", "is no Python"),
    ],
)
def test_what_is_no_script_is_told(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    ran = _run(tmp_path, name)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "remedy: " in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("print('done')", "ended, and made no server by grpc.server or grpc.aio.server"),
        ("import sys, types; sys.modules['grpclib'] = types.ModuleType('grpclib')", "it uses grpclib"),
    ],
)
def test_a_script_that_makes_no_server_is_told_so(tmp_path: Path, script: str, said: str) -> None:
    (tmp_path / "other.py").write_text(script, encoding="utf-8")
    ran = _run(tmp_path, "other.py")
    assert ran.returncode == 1
    assert said in ran.stderr


def test_what_a_script_raises_is_shown_as_python_shows_it(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def fail():\n    raise KeyError('x')\n\nfail()\n", encoding="utf-8")
    ran = _run(tmp_path, "broken.py")
    assert ran.returncode == 1
    assert ran.stderr.startswith("Traceback (most recent call last):\n")
    assert 'broken.py", line 4, in <module>\n' in ran.stderr
    assert "salver" not in ran.stderr


def test_a_scripts_exit_status_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text("raise SystemExit(7)", encoding="utf-8")
    assert _run(tmp_path, "leaves.py").returncode == 7


def test_a_script_sees_what_python_shows_it(tmp_path: Path) -> None:
    text = "import sys, __main__\nprint(__name__, __main__.__file__ == __file__, sys.path[0], sys.argv)\n"
    (tmp_path / "seen.py").write_text(text, encoding="utf-8")
    assert _run(tmp_path, "seen.py", "--help", "x").stdout == f"__main__ True {tmp_path} ['seen.py', '--help', 'x']\n"


_SLEEPING = _PLAIN.replace("server.wait_for_termination()", "import time; time.sleep(1000)")


@pytest.mark.parametrize(
    "script",
    [_PLAIN, _ASYNC, _SLEEPING, _THREE.format(servicer=_SERVICER, method="fork")],
    ids=["threads", "event loop", "sleeping", "processes"],
)
def test_a_script_that_is_terminated_stops_its_servers_and_ends_well(tmp_path: Path, script: str) -> None:
    with started(tmp_path, script, servers=3 if "multiprocessing" in script else 1) as (process, port):
        pid_of_server(port)
        process.terminate()
        assert process.wait(_TIMEOUT_S) == 0


_STARTING = """
import sys, threading
from concurrent import futures
import grpc, salver
from support.conformance_pb2_grpc import ConformanceServicer, add_ConformanceServicer_to_server

class Servicer(ConformanceServicer):
    def __init__(self):
        print("is made", flush=True)
        threading.Event().wait()

"""

_STARTING_THREADS = f"""{_STARTING}
server = grpc.server(futures.ThreadPoolExecutor(), workers=1)
add_ConformanceServicer_to_server(salver.per_worker(Servicer), server)
server.add_insecure_port(f"127.0.0.1:{{sys.argv[1]}}")
server.start()
server.wait_for_termination()
"""

_STARTING_LOOP = f"""{_STARTING}
async def main():
    server = grpc.aio.server(workers=1)
    add_ConformanceServicer_to_server(salver.per_worker(Servicer), server)
    server.add_insecure_port(f"127.0.0.1:{{sys.argv[1]}}")
    await server.start()
    await server.wait_for_termination()

import asyncio
asyncio.run(main())
"""

_OWN_HANDLER = """
import signal
signal.signal(signal.SIGTERM, lambda *_: server.stop(5))
"""


@pytest.mark.parametrize(
    "script",
    [_STARTING_THREADS, _STARTING_LOOP, _OWN_HANDLER + _STARTING_THREADS],
    ids=["threads", "event loop", "own handler"],
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_script_that_is_terminated_while_its_workers_start_ends(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], script: str, times: int
) -> None:
    with started(tmp_path, script, servers=0) as (process, _):
        assert process.stdout is not None
        assert process.stdout.readline() == "[worker 0] is made\n"
        for _ in range(times):
            process.terminate()
        assert process.wait(_TIMEOUT_S) == 0
    assert capfd.readouterr().err == ""


def test_a_scripts_own_way_to_end_is_kept(tmp_path: Path) -> None:
    own = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
    with started(tmp_path, own + _PLAIN) as (process, _):
        process.terminate()
        assert process.wait(_TIMEOUT_S) == 5


_HELPED = f"""
import multiprocessing, time
{_SERVICER}
def help():
    os.write(1, b"started\\n")
    while True:
        # A signal that comes just before a sleep does not shorten it.
        time.sleep(0.01)

if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    server.start()
    helper = multiprocessing.Process(target=help)
    helper.start()
    os.read(0, 1)
    helper.terminate()
    helper.join()
    sys.exit(-helper.exitcode)
"""


def test_processes_without_servers_end_as_they_would_otherwise(tmp_path: Path) -> None:
    with started(tmp_path, _HELPED) as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(_TIMEOUT_S) == signal.SIGTERM
