"""Scripts as processes of their own: where they are put, what they print, and that nothing of them is left."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.paths import ROOT
from support.ports import free_port
from support.waiting import until

from salver.testing.server import Server

TUTORIALS = Path(__file__).parent / "tutorials"
EXAMPLES = ROOT / "examples" / "mindspore"
READY = "Serving: Serving gRPC server start success, listening on "
_MARK = "SALVER_TEST_MARK"


def put(file: Path, folder: Path, changes: Mapping[str, str]) -> Path:
    """A copy of the file in the folder, with other texts in some places, each of which must be there."""
    text = file.read_text()
    for old, new in changes.items():
        assert old in text, f"{file} has no {old}"
        text = text.replace(old, new)
    copy = folder / file.name
    copy.write_text(text)
    return copy


def put_model(folder: Path) -> None:
    """The model of `add` for those who have no MindSpore, by the example's own script."""
    run(EXAMPLES / "add" / "export_model" / "add_onnx.py", str(folder), folder=folder.parent)


def put_servable(name: str, folder: Path, config: Path) -> None:
    """A servable of this file, and the model of `add`."""
    (folder / name).mkdir()
    shutil.copy(config, folder / name / "servable_config.py")
    put_model(folder / name / "1")


def run(script: Path, *arguments: str, folder: Path | None = None) -> str:
    """What a script prints that ends by itself."""
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(command, cwd=folder or script.parent, check=False, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Script(Server):
    """A start script; its processes are told by a mark in their environment, which all that descend from it have."""

    def __init__(self, script: Path, *arguments: str, folder: Path | None = None, **variables: str) -> None:
        self._mark = uuid.uuid4().hex
        command = ["env", "-C", str(folder or script.parent), sys.executable, str(script), *arguments]
        super().__init__(command, {**os.environ, "PYTHONUNBUFFERED": "1", **variables, _MARK: self._mark})

    def wait_for(self, start: str) -> str:
        """The line that begins so, once it is printed."""
        until(lambda: self._lines_from(start) or self.process.poll() is not None, 40)
        if self.process.poll() is not None:
            self.wait(5)
        assert self._lines_from(start), self.output
        return self._lines_from(start)[0]

    def _lines_from(self, start: str) -> list[str]:
        return [line for line in self.output.splitlines() if line.startswith(start)]

    def workers(self) -> list[int]:
        """The processes of its workers."""
        return [number for number in self.processes() if "start_worker.py" in _read(number, "cmdline")]

    def processes(self) -> list[int]:
        """All of its processes that live."""
        mark = f"{_MARK}={self._mark}"
        numbers = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
        return sorted(number for number in numbers if mark in _read(number, "environ").split("\0"))

    def variable(self, process: int, name: str) -> str | None:
        """A variable in the environment of one of its processes."""
        found = [each for each in _read(process, "environ").split("\0") if each.startswith(f"{name}=")]
        return found[0].partition("=")[2] if found else None


@contextmanager
def started(script: Path, *arguments: str, wait_for: str = READY, **options: Any) -> Iterator[Script]:
    """A start script for the length of a block, which may end it; none of its processes outlives it."""
    process = Script(script, *arguments, **options)
    try:
        if wait_for:
            process.wait_for(wait_for)
        yield process
    finally:
        process.close(20)
        until(lambda: not process.processes())


def _read(process: int, name: str) -> str:
    """Nothing if the process has ended, or is another user's."""
    try:
        return Path(f"/proc/{process}/{name}").read_text(errors="replace")
    except OSError:
        return ""


@contextmanager
def serving(folder: Path, *names: str) -> Iterator[str]:
    """Servables of the folder, started by `start.py`: their address."""
    address = f"127.0.0.1:{free_port()}"
    with started(Path(__file__).with_name("start.py"), str(folder), address, *names, folder=folder):
        yield address
