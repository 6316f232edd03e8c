"""A real server whose versions come and go, and real callers who notice nothing of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.http import get
from support.managed import add_version, break_version
from support.servables import write_servable
from support.waiting import until

from salver.client.api import Client
from salver.testing.server import Server, running

VERSION = "import salver\n\n\n@salver.function\ndef number(text: str) -> int:\n    return [{number}] * len(text)\n"


def salver(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salver", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


class Callers:
    """Call without a pause; `failures` must stay empty."""

    def __init__(self, address: str, count: int = 2) -> None:
        self.answers: set[float] = set()
        self.failures: list[Exception] = []
        self.calls = 0
        self._address = address
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(count)]

    def _call(self) -> None:
        row = {"x": np.array([[1, 1]], np.float32)}
        with Client(self._address) as client:
            while not self._stop.is_set():
                try:
                    self.answers.add(float(client.infer("m", row, timeout=20)["y"][0, 0]))
                    self.calls += 1
                except Exception as error:
                    self.failures.append(error)
                    return

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def calling(server: Server) -> Iterator[Callers]:
    callers = Callers(server.address)
    callers.start()
    try:
        until(lambda: callers.calls or callers.failures)
        yield callers
    finally:
        callers.stop()
    assert callers.failures == []


def resident(server: Server) -> int:
    """KiB of memory."""
    [line] = [
        line
        for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    ]
    return int(line.split()[1])


@pytest.fixture
def admin(tmp_path: Path) -> str:
    return f"unix:{tmp_path / 'admin'}"


@pytest.fixture
def server(tmp_path: Path, admin: str) -> Iterator[Server]:
    """Serves the latest version of m, watches its folder, and has an admin."""
    add_version(tmp_path / "models", 1)
    with running(tmp_path / "models", "--watch-s", "0.02", "--admin", admin, "--load-retry-s", "0.05") as server:
        yield server


def states(admin: str) -> dict[int, str]:
    from salver.client.admin import ask

    return {each["version"]: each["state"] for each in ask(admin, {"do": "status", "servable": "m"}, 20)}


def test_no_call_fails_while_versions_are_added_broken_and_removed(server: Server, tmp_path: Path, admin: str) -> None:
    models = tmp_path / "models"
    sizes = []
    with calling(server) as callers:
        for turn in range(10):
            version = 3 * turn + 2
            add_version(tmp_path / "made", version)
            (tmp_path / "made" / "m" / str(version)).rename(models / "m" / str(version))
            until(lambda version=version: float(version) in callers.answers)
            break_version(models, version + 1)
            until(lambda version=version: states(admin).get(version + 1) in ("START", "END"))
            shutil.rmtree(models / "m" / str(version + 1))
            shutil.rmtree(models / "m" / str(version - 1), ignore_errors=True)
            add_version(models, version + 2)
            until(lambda version=version: float(version + 2) in callers.answers)
            shutil.rmtree(models / "m" / str(version))
            if turn % 3 == 0:
                until(lambda: set(states(admin).values()) <= {"AVAILABLE", "END"})
                sizes.append(resident(server))
    assert callers.answers == {float(number) for number in range(1, 32) if number == 1 or number % 3 != 0}
    assert sizes[-1] - sizes[1] < 10_000, sizes
    assert "Traceback" not in server.output


def test_python_takes_over_from_python_without_a_failed_call(tmp_path: Path, admin: str) -> None:
    write_servable(tmp_path / "models", "m", VERSION.format(number=1))
    (tmp_path / "models" / "m" / "1").mkdir()
    add_version(tmp_path / "models", 1, "other")
    with running(tmp_path / "models", "--admin", admin) as server, Client(server.address) as client:
        answers: set[int] = set()
        stop = threading.Event()
        failures: list[Exception] = []

        def call() -> None:
            while not stop.is_set():
                try:
                    answers.add(int(client.infer("m", {"text": np.array(["x"], object)}, timeout=20)["output"][0]))
                except Exception as error:
                    failures.append(error)
                    return

        caller = threading.Thread(target=call)
        caller.start()
        until(lambda: 1 in answers or failures)
        for number in (2, 3):
            (tmp_path / "models" / "m" / str(number)).mkdir()
            (tmp_path / "models" / "m" / "servable.py").write_text(VERSION.format(number=number))
            assert salver("load", "m", "--admin", admin).returncode == 0
            until(lambda number=number: number in answers)
        stop.set()
        caller.join()
        assert failures == []
        assert answers == {1, 2, 3}


def test_a_version_that_is_copied_slowly_is_served_once_it_is_whole(server: Server, tmp_path: Path) -> None:
    whole = add_version(tmp_path / "made", 2).read_bytes()
    target = tmp_path / "models" / "m" / "2" / "model.onnx"
    target.parent.mkdir()
    with calling(server) as callers:
        for end in range(1, len(whole), max(1, len(whole) // 10)):
            target.write_bytes(whole[:end])
            until(lambda before=callers.calls: callers.calls > before + 5)
        target.write_bytes(whole)
        until(lambda: 2.0 in callers.answers)


def test_the_admin_loads_labels_and_unloads(server: Server, tmp_path: Path, admin: str) -> None:
    add_version(tmp_path / "models", 2)
    until(lambda: states(admin) == {1: "END", 2: "AVAILABLE"})
    with calling(server) as callers:
        ran = salver("load", "m", "--servable-version", "1", "--admin", admin)
        assert (ran.returncode, ran.stdout.split()) == (
            0,
            ["servable", "version", "state", "labels", "m", "1", "AVAILABLE"],
        )
        assert salver("label", "m", "stable", "1", "--admin", admin).returncode == 0
        ran = salver("status", "--admin", admin)
        assert ran.returncode == 0
        assert [line.split() for line in ran.stdout.splitlines()] == [
            ["servable", "version", "state", "labels"],
            ["m", "1", "AVAILABLE", "stable"],
            ["m", "2", "AVAILABLE"],
        ]
        assert salver("unload", "m", "--servable-version", "2", "--admin", admin).returncode == 0
        until(lambda: 1.0 in callers.answers)
        assert salver("label", "m", "stable", "--remove", "--admin", admin).returncode == 0
    assert salver("unload", "m", "--admin", admin).returncode == 0
    assert [each["name"] for each in get(server.address, "/servables").json["servables"]] == []
    elsewhere = add_version(tmp_path / "elsewhere", 5, "n").parents[1]
    assert salver("load", "other", "--path", str(elsewhere), "--admin", admin).returncode == 0
    assert salver("reload", "--admin", admin).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("load", "nobody"), "nobody: is nowhere to be found\n  remedy: put it into the folder"),
        (("load", "m", "--servable-version", "9"), "version 9 is to be served, but there is no such folder"),
        (("unload", "nobody"), "nobody: is not served"),
        (("label", "m", "stable", "9"), "version 9 is not available"),
    ],
)
def test_what_the_admin_cannot_have_is_told(server: Server, admin: str, arguments: tuple[str, ...], told: str) -> None:
    ran = salver(*arguments, "--admin", admin)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr + server.output


def test_what_cannot_be_said_or_counted_changes_nothing_for_the_others(
    server: Server, tmp_path: Path, admin: str
) -> None:
    from salver.client.admin import Refused, ask

    models = tmp_path / "models"
    write_servable(models, os.fsdecode(b"\xff"), VERSION.format(number=1))
    write_servable(models, "bad", 'raise ValueError("\\udcff is no file")')
    for version in (-1, 2**63, 2**64):
        with pytest.raises(Refused, match="versions are numbers from 0 to"):
            ask(admin, {"do": "load", "servable": "m", "version": version}, 20)
        assert salver("load", "m", f"--servable-version={version}", "--admin", admin).returncode == 2
    add_version(models, 2)
    until(lambda: states(admin) == {1: "END", 2: "AVAILABLE"})
    until(lambda: "ValueError: \\udcff is no file" in salver("status", "--admin", admin).stdout)
    assert "has a name that is not UTF-8" in server.output
    assert "UnicodeEncodeError" not in server.output
    assert "OverflowError" not in server.output


def test_the_status_tells_why_a_version_is_not_there(server: Server, tmp_path: Path, admin: str) -> None:
    break_version(tmp_path / "models", 2)
    until(lambda: states(admin).get(2) in ("START", "END"))
    ran = salver("status", "--admin", admin)
    assert ran.returncode == 1
    assert "model.onnx: is no usable ONNX model" in ran.stdout
    assert get(server.address, "/v2/health/ready").status == 200


def test_a_server_stops_in_order_while_a_version_is_loaded(tmp_path: Path, admin: str) -> None:
    add_version(tmp_path / "models", 1)
    with running(tmp_path / "models", "--watch-s", "0.02", "--admin", admin) as server:
        write_servable(tmp_path / "models", "late", "import time\ntime.sleep(100)\n")
        until(lambda: "late" in json.dumps(get(server.address, "/servables").json))
        server.signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert server.output.endswith("stopped\n")
    assert not (tmp_path / "admin").exists()


def test_a_server_is_heard_and_hears_while_something_loads_for_ever_at_its_start(tmp_path: Path, admin: str) -> None:
    models = tmp_path / "models"
    add_version(models, 1)
    break_version(models, 1, "broken")
    write_servable(models, "endless", "import time\n\ntime.sleep(1000)\n")
    command = [sys.executable, "-m", "salver", "serve", str(models), "--listen", "127.0.0.1:0"]
    server = Server([*command, "--admin", admin, "--watch-s", "0.02"], os.environ)
    try:
        until(lambda: server.addresses and "m  version 1, onnx" in server.output)
        until(lambda: "is no usable ONNX model" in server.output)
        with calling(server) as callers:
            add_version(models, 2)
            until(lambda: 2.0 in callers.answers)
            write_servable(models, "late", VERSION.format(number=1))
            until(lambda: '"name":"number"' in get(server.address, "/servables/late").body.decode())
            assert salver("unload", "late", "--admin", admin).returncode == 0
            assert not any(line.startswith("ready after") for line in server.output.splitlines())
            assert salver("unload", "endless", "--admin", admin).returncode == 0
        server.wait_until_ready(20)
        assert "endless version 1: given up" in server.output
    finally:
        server.close()
    assert server.output.endswith("stopped\n")


def test_without_an_admin_there_is_no_way_to_ask(tmp_path: Path) -> None:
    ran = salver("load", "m", "--admin", f"unix:{tmp_path}/nobody")
    assert ran.returncode == 1
    assert "does not answer" in ran.stderr
    ran = salver("load", "m")
    assert ran.returncode == 2
    assert "--admin" in ran.stderr
