"""Scripts of the form that MindSpore Serving's tutorials teach, each run as a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

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
def address() -> Iterator[str]:
    with serving(Kitchen()) as bound:
        yield bound


def test_add(address: str) -> None:
    assert run("add.py", address) == THREE_SUMS


def test_add_in_the_older_form(address: str) -> None:
    assert run("add_r12.py", *address.split(":")) == THREE_SUMS


def test_add_async(address: str) -> None:
    assert run("add_async.py", address).startswith(ONE_SUM)


def test_errors(address: str) -> None:
    unknown_method, one_wrong = run("add_errors.py", address).split("\n", 1)
    assert unknown_method == ("{'error': 'Request servable(add) method(add_common2) , method is not available'}")
    assert one_wrong.count("array(") == 2
    assert "}, {'error': 'Given model input 1 data type kMSI_Int32 not match " in one_wrong


@pytest.mark.parametrize(("script", "verify_client"), [("add_tls.py", False), ("add_mutual_tls.py", True)])
def test_add_over_tls(certificates: Path, script: str, verify_client: bool) -> None:
    pair = ((certificates / "server.key").read_bytes(), (certificates / "server.crt").read_bytes())
    authority = (certificates / "ca.crt").read_bytes()
    credentials = grpc.ssl_server_credentials([pair], authority, verify_client)
    with serving(Kitchen(), credentials=credentials) as address:
        assert run(script, address, folder=certificates) == ONE_SUM


def test_classify_over_a_unix_socket(tmp_path: Path) -> None:
    (tmp_path / "test_image").mkdir()
    for name in ("cat", "ox"):
        (tmp_path / "test_image" / f"{name}.jpg").write_bytes(name.encode())
    with serving(Kitchen(), f"unix:{tmp_path}/socket") as address:
        printed = run("classify.py", address, folder=tmp_path)
    assert printed == (
        "./test_image/cat.jpg\n./test_image/ox.jpg\n[{'label': 'label of cat'}, {'label': 'label of ox'}]\n"
    )
