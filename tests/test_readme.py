"""The README is true: its blocks are run as they stand there, in order.

`console` blocks are commands and what they print, where `...` stands for anything; `python` blocks print what their
comments say; `toml` is a servable's settings; `sh` names targets of the Makefile.
"""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT
from support.waiting import until

from salver.repository.settings import ServableSettings, read_settings

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


class Reader:
    """A shell in a folder with the project's examples, where 8500 is a free port."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "examples").symlink_to(ROOT / "examples")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        address = f"127.0.0.1:{self.port}"
        self.options = {"cwd": folder, "env": {**os.environ, "PATH": path, "SALVER_LISTEN": address}, "text": True}
        self.servers: list[subprocess.Popen[str]] = []

    def own(self, text: str) -> str:
        return text.replace(":8500", f":{self.port}")

    def run(self, command: str | list[str]) -> str:
        shell = isinstance(command, str)
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=50, shell=shell, **self.options)  # type: ignore[call-overload]
        return str(ran.stdout)

    def start(self, command: str, expected: str) -> None:
        """Start a command in the background, and wait until it has printed what it should."""
        server = subprocess.Popen(command.split(), stdout=subprocess.PIPE, **self.options)  # type: ignore[call-overload]
        self.servers.append(server)
        printed: list[str] = []
        threading.Thread(target=lambda: printed.extend(iter(server.stdout.readline, "")), daemon=True).start()
        until(lambda: matches("".join(printed), expected))

    def close(self) -> None:
        for server in self.servers:
            server.terminate()
            assert server.wait(40) == 0
            server.stdout.close()  # type: ignore[union-attr]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    try:
        yield reader
    finally:
        reader.close()


def matches(printed: str, expected: str) -> bool:
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.S) is not None


def commands(block: str) -> list[tuple[str, str]]:
    """Each command of a block with what it prints."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.M)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def test_everything_that_a_reader_types_does_what_is_written_there(reader: Reader) -> None:
    for block in blocks("console"):
        for command, expected in commands(block):
            own_command, own_expected = reader.own(command), reader.own(expected)
            if command.endswith(" &"):
                reader.start(own_command.removesuffix(" &"), own_expected)
            else:
                printed = reader.run(own_command)
                assert matches(printed, own_expected), f"$ {command}\n{printed}"
    for block in blocks("python"):
        wanted = re.findall(r"print\(.*\)  # (.*)", block)
        assert reader.run([sys.executable, "-c", reader.own(block)]).splitlines() == wanted


def test_the_settings_of_a_servable_are_the_defaults(tmp_path: Path) -> None:
    [text] = blocks("toml")
    (tmp_path / "salver.toml").write_text(text)
    assert read_settings(tmp_path / "salver.toml") == ServableSettings()
    (tmp_path / "salver.toml").write_text(text.replace("# instances", "instances"))
    assert read_settings(tmp_path / "salver.toml").instances == 2


def test_make_knows_its_targets() -> None:
    named = [line.split()[1] for block in blocks("sh") for line in block.splitlines()]
    named += re.findall(r"`make (\w+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert named
    for target in named:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True, timeout=50)
