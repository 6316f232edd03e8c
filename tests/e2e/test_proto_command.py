"""`salver proto` prints the contract of any servable, of files and of running servers."""

import subprocess
import sys
from pathlib import Path

import pytest

import salver
from salver.testing.server import Server, running


def proto(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salver", "proto", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_files_and_the_server_of_them_have_the_same(server: Server, models: Path) -> None:
    for name in ("add", "any_length", "identity_str"):
        of_files, of_server = proto(str(models), name), proto(server.address, name)
        assert (of_files.returncode, of_files.stderr) == (0, "")
        assert of_files.stdout == of_server.stdout


def test_python_code_has_one(authored: Path, tmp_path: Path) -> None:
    printed = proto(str(authored), "forms").stdout
    assert proto(str(authored / "forms")).stdout == proto(str(authored / "forms" / "servable.py")).stdout == printed
    with running(authored / "forms" / "servable.py") as server:
        assert proto(server.address).stdout == printed
    (tmp_path / "forms.proto").write_text(printed)
    forms = salver.proto(str(tmp_path / "forms.proto"))
    assert forms.ShoutRequest(text="a").text == "a"
    assert forms.DocumentRequest(dish={"struct_value": {"fields": {}}}) is not None
    assert forms.pool.FindServiceByName("forms.Forms").methods_by_name["Count"].server_streaming


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["{models}", "nobody"], 2, "holds no servable 'nobody'"),
        (["{models}"], 2, "servables\n  remedy: name one: add, "),
        (["{models}", "add", "--servable-version", "9"], 2, "'add' has no version 9"),
        (["{models}/nothing"], 2, "no address\n  remedy: give a folder of servables"),
        (["{models}/nothing.py"], 2, "there is no such file"),
        (["{address}", "nobody"], 1, "serves no 'nobody'; it serves add, "),
        (["{address}"], 1, "name one; it serves add, "),
        (["{address}", "add", "--servable-version", "9"], 1, "'add' has no version 9; ready: 1"),
        (["127.0.0.1:1", "add"], 1, "does not answer"),
    ],
)
def test_what_is_not_there_is_told_with_a_remedy(
    server: Server, models: Path, arguments: list[str], status: int, told: str
) -> None:
    ended = proto(*(each.format(models=models, address=server.address) for each in arguments))
    assert (ended.returncode, ended.stdout) == (status, "")
    assert told in ended.stderr
