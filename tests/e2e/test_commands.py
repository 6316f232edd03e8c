"""`salver status` and `salver call` against a real server."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from salver.testing.server import Server


def salver(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salver", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_status_lists_what_is_served_over_every_kind_of_connection(server: Server, certificates: Path) -> None:
    tcp, unix, tls, mutual = server.addresses
    authority = ("--ca", str(certificates / "ca.crt"))
    own = ("--certificate", str(certificates / "client.crt"), "--key", str(certificates / "client.key"))
    for arguments in ((tcp,), (unix,), (tls, *authority), (mutual, *authority, *own)):
        ran = salver("status", *arguments)
        assert (ran.returncode, ran.stderr) == (0, "")
        heading, *rows = ran.stdout.splitlines()
        assert heading.split() == ["servable", "version", "state", "runtime", "method", "batched"]
        assert [row.split()[:4] for row in rows if row.startswith("scaled")] == [
            ["scaled", "2", "ready", "onnx"],
            ["scaled", "1", "ready", "onnx"],
        ]


@pytest.mark.parametrize("command", [("status", "{}"), ("call", "{}", "add"), ("proto", "{}", "add")])
@pytest.mark.parametrize(("address", "why"), [("127.0.0.1:1", "Connection refused"), ("unix:gone", "No such file")])
def test_that_nobody_listens_is_told_with_a_remedy(command: tuple[str, ...], address: str, why: str) -> None:
    ran = salver(*(word.format(address) for word in command))
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"salver: {address} does not answer: nobody listens there ({why}")
    assert f"remedy: start a server there, `salver serve DIR --listen {address}`" in ran.stderr


def test_tls_on_one_side_only_is_told_with_a_remedy(server: Server, certificates: Path) -> None:
    tcp, _, tls, _ = server.addresses
    authority = ("--ca", str(certificates / "ca.crt"))
    for address, options in ((tls.removeprefix("tls:"), ()), (f"tls:{tcp}", authority)):
        for command in (("status", address), ("call", address, "text", "x=hello")):
            ran = salver(*command, *options)
            assert (ran.returncode, ran.stdout) == (1, "")
            assert ran.stderr.startswith("salver: ")
            assert "remedy: see that a server runs at " in ran.stderr
            assert f"write tls:{address.removeprefix('tls:')} if it has a certificate" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("add", "x1=[[1,2],[3,4]]", "x2=[[1,1],[1,1]]"), "y: [[2.0, 3.0], [4.0, 5.0]]"),
        (("scaled.predict", "x=[[1,2],[3,4]]"), "y: [[2.0, 4.0], [6.0, 8.0]]"),
        (("scaled", "x=[[1,2]]", "--servable-version", "1"), "y: [[1.0, 2.0]]"),
        (("slow", "steps=2"), "done: [2]"),
        (("text", 'x=["hello"]'), 'y: ["hello"]'),
        (("text", "x=hello"), 'y: ["hello"]'),
        (("text", "x=@{folder}/words.txt"), 'y: ["from a file"]'),
        (("file", "x=@{folder}/image.png"), "y: [137, 80, 78, 71, 255]"),
        (("scaled", "x=@{folder}/array.npy"), "y: [[6.0, 8.0]]"),
        (("scaled", "x=@{folder}/rows.json"), "y: [[2.0, 2.0]]"),
    ],
)
def test_call_prints_the_outputs(address: str, tmp_path: Path, arguments: tuple[str, ...], printed: str) -> None:
    (tmp_path / "words.txt").write_text("from a file")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff")
    (tmp_path / "rows.json").write_text(json.dumps([[1, 1]]))
    np.save(tmp_path / "array.npy", np.array([[3, 4]], np.float32))
    ran = salver("call", address, *(text.format(folder=tmp_path) for text in arguments))
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, printed, "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("nowhere", "x=1"),
            "unknown model: 'nowhere' is not found\n  remedy: `salver status {address}` lists",
        ),
        (("add.nothing",), "has no method 'nothing'\n  remedy: `salver status {address}` lists"),
        (("add", "--servable-version", "9"), "version 9 is not found\n  remedy: `salver status {address}` lists"),
        (("add",), "expected 2 inputs but got 0 inputs for model 'add'"),
        (("slow", "steps=1000", "--timeout", "0.05"), "remedy: give it more time with --timeout"),
        (("add", "x1=1", "x1=2"), "input 'x1' is given twice"),
        (("add", "x1"), "'x1' is no input: expected NAME=VALUE"),
        (("add", "x1=[[1,2"), "is no JSON"),
        (("add", "x1=[[1,2],[3]]", "x2=1"), "input 'x1'"),
        (("add", "x1=@gone.npy", "x2=1"), "gone.npy cannot be read"),
        (("add", "x1=[[1,1],[1,1]]"), "missing required input(s) ['x2']"),
    ],
)
def test_call_tells_what_is_wrong_without_a_traceback(address: str, arguments: tuple[str, ...], told: str) -> None:
    ran = salver("call", address, *arguments)
    assert ran.returncode == 1
    assert told.format(address=address) in ran.stderr
    assert "Traceback" not in ran.stderr
