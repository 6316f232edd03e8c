"""Documentation as its reader uses it: what stands in its blocks is typed, saved or run, in order.

`console` blocks are commands and what they print, where `...` stands for anything. A `python` or `proto` block whose
first line is a comment with a file's name is saved under it; any other `python` block prints what the comments behind
its `print`s say.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.paths import ROOT
from support.ports import free_port
from support.waiting import until

_FILE = re.compile(r"(?:#|//) (\S+\.(?:py|proto))\n")


class Page:
    """A page of the documentation; `blocks` are (language, text)."""

    def __init__(self, name: str) -> None:
        self.text = (ROOT / name).read_text(encoding="utf-8")
        self.blocks: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", self.text, re.M | re.S)

    def of(self, language: str) -> list[str]:
        return [text for kind, text in self.blocks if kind == language]

    def files(self) -> dict[str, str]:
        """The files that the page shows, by name."""
        found = [(_FILE.match(block), block) for block in self.of("python") + self.of("proto")]
        return {match[1]: block[match.end() :] for match, block in found if match}

    def scripts(self) -> list[str]:
        return [block for block in self.of("python") if not _FILE.match(block)]

    def commands(self) -> list[tuple[str, str]]:
        """Each command with what it prints."""
        found: list[tuple[str, str]] = []
        for block in self.of("console"):
            parts = re.split(r"^\$ (.*)\n", block, flags=re.M)
            found += zip(parts[1::2], parts[2::2], strict=True)
        return found


class Reader:
    """A shell in a folder with the project's examples, where ports 8500 and 8501 are free ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {port: free_port() for port in (8500, 8501)}
        (folder / "examples").symlink_to(ROOT / "examples")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "SALVER_LISTEN": f"127.0.0.1:{self.ports[8500]}"}
        self.options = {"cwd": folder, "env": environment, "stdout": subprocess.PIPE, "text": True}
        self.servers: list[subprocess.Popen[str]] = []

    def own(self, text: str) -> str:
        for port, free in self.ports.items():
            text = text.replace(f":{port}", f":{free}").replace(f"port={port}", f"port={free}")
        return text

    def save(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def type(self, command: str, expected: str) -> None:
        """Type a command, and see that it prints what it should; one that ends with & goes on running."""
        command, expected = self.own(command), self.own(expected)
        if command.endswith(" &"):
            self._start(command.removesuffix(" &"), expected)
            return
        ran = self._ran(command)
        assert matches(ran.stdout, expected), f"$ {command}\n{ran.stdout}\nnot\n{expected}"

    def run(self, script: str) -> None:
        """Run a script, and see that it prints what its comments say."""
        wanted = re.findall(r"print\(.*\)  # (.*)", script)
        ran = self._ran([sys.executable, "-c", self.own(script)])
        assert ran.stdout.splitlines() == wanted, script

    def close(self) -> None:
        for server in self.servers:
            server.terminate()
            assert server.wait(40) == 0
            server.stdout.close()  # type: ignore[union-attr]

    def _ran(self, command: str | list[str]) -> subprocess.CompletedProcess[str]:
        shell = isinstance(command, str)
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            command, check=False, stderr=subprocess.STDOUT, timeout=50, shell=shell, **self.options
        )

    def _start(self, command: str, expected: str) -> None:
        """Start a command in the background, and wait until it has printed what it should."""
        server = subprocess.Popen(command.split(), **self.options)  # type: ignore[call-overload]
        self.servers.append(server)
        printed: list[str] = []
        threading.Thread(target=lambda: printed.extend(iter(server.stdout.readline, "")), daemon=True).start()
        until(lambda: matches("".join(printed), expected))


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    """A reader in this folder, whose servers end with the block."""
    made = Reader(folder)
    try:
        yield made
    finally:
        made.close()


def matches(printed: str, expected: str) -> bool:
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.S) is not None
