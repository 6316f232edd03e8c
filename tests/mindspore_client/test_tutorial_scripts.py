"""Scripts of the form that MindSpore Serving's tutorials teach, each run as a process of its own against salver.

`classify.py` needs a servable with Python stages, for which a stand-in answers.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.models import add, write
from salver.testing.server import Server, running

from .servers import Kitchen, serving

SCRIPTS = Path(__file__).parent / "tutorial_scripts"
ONE_SUM = "[{'y': array([[2., 2.],\n       [2., 2.]], dtype=float32)}]\n"
THREE_SUMS = (
    "[{'y': array([[2., 2.],\n       [2., 2.]], dtype=float32)}, "
    "{'y': array([[4., 4.],\n       [4., 4.]], dtype=float32)}, "
    "{'y': array([[6., 6.],\n       [6., 6.]], dtype=float32)}]\n"
)


def run(script: str, *arguments: str, folder: Path | None = None) -> str:
    """Returns what the script prints."""
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model `add`, called by the name that the tutorials give its method."""
    directory = tmp_path_factory.mktemp("models")
    write(add(), directory, "add")
    (directory / "add" / "salver.toml").write_text('method = "add_common"\n')
    return directory


@pytest.fixture(scope="module")
def server(models: Path, certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Listens on TCP, a Unix socket, TLS and mutual TLS, in this order."""
    socket = tmp_path_factory.mktemp("socket") / "s"
    listen = ("localhost:0", f"unix:{socket}", "tls:localhost:0", "mtls:localhost:0")
    options = [text for address in listen for text in ("--listen", address)]
    for flag, name in (("certificate", "server.crt"), ("key", "server.key"), ("client-ca", "ca.crt")):
        options += [f"--tls-{flag}", str(certificates / name)]
    with running(models, *options) as server:
        yield server


@pytest.fixture(params=["TCP", "Unix socket"])
def address(request: pytest.FixtureRequest, server: Server) -> str:
    return server.addresses[0 if request.param == "TCP" else 1]


def test_add(address: str) -> None:
    assert run("add.py", address) == THREE_SUMS


def test_add_in_the_older_form(server: Server) -> None:
    assert run("add_r12.py", *server.address.split(":")) == THREE_SUMS


def test_add_async(address: str) -> None:
    assert run("add_async.py", address) == "".join(ONE_SUM.replace("2.", f"{2 * number}.") for number in (1, 2, 3))


def test_errors(address: str) -> None:
    unknown_method, one_wrong = run("add_errors.py", address).split("\n", 1)
    assert unknown_method == "{'error': 'Request servable(add) method(add_common2) , method is not available'}"
    assert one_wrong.count("array(") == 2
    assert "}, {'error': 'Given model input 1 data type kMSI_Int32 not match " in one_wrong


@pytest.mark.parametrize(("script", "listener"), [("add_tls.py", 2), ("add_mutual_tls.py", 3)])
def test_add_over_tls(server: Server, certificates: Path, script: str, listener: int) -> None:
    target = server.addresses[listener].partition(":")[2]
    assert run(script, target, folder=certificates) == ONE_SUM


def test_classify_over_a_unix_socket(tmp_path: Path) -> None:
    (tmp_path / "test_image").mkdir()
    for name in ("cat", "ox"):
        (tmp_path / "test_image" / f"{name}.jpg").write_bytes(name.encode())
    with serving(Kitchen(), f"unix:{tmp_path}/socket") as address:
        printed = run("classify.py", address, folder=tmp_path)
    assert printed == (
        "./test_image/cat.jpg\n./test_image/ox.jpg\n[{'label': 'label of cat'}, {'label': 'label of ox'}]\n"
    )
