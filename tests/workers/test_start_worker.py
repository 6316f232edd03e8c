"""A worker as a process of its own, with this test in the place of its server."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.paths import ROOT
from support.waiting import until
from workers.processes import ended
from workers.starting import assignment

from salver.authoring.manifest import manifest_from_json
from salver.workers.control import LINK_VERSION, Control, Message, pair
from salver.workers.lane_ends import close_all

START = ROOT / "src" / "salver" / "workers" / "start_worker.py"


@dataclass
class Child:
    process: "subprocess.Popen[str]"
    control: Control

    def hear(self) -> Message:
        message = self.control.receive()
        assert message is not None
        return message

    def assign(self, function: str, file: Path, **arguments: object) -> None:
        self.control.send("assignment", **assignment(function, file, **arguments).form())

    def end(self) -> int:
        return self.process.wait(20)


@contextmanager
def started() -> Iterator[Child]:
    own, its = pair()
    command = [sys.executable, str(START), "--control", str(its.fileno())]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    process = subprocess.Popen(command, pass_fds=[its.fileno()], env=environment, **options)  # type: ignore[call-overload]
    its.close()
    try:
        yield Child(process, own)
    finally:
        own.close()
        process.kill()
        process.wait(20)
        process.stdout.close()


@pytest.fixture
def child() -> Iterator[Child]:
    with started() as child:
        yield child


def test_it_introduces_itself_with_its_lanes_and_ends_when_it_is_told_to(child: Child, tmp_path: Path) -> None:
    child.assign("double", tmp_path / "servable.py", lanes=2)
    hello = child.hear()
    assert (hello.say, hello.fields["link"], hello.fields["pid"]) == ("hello", LINK_VERSION, child.process.pid)
    assert len(manifest_from_json(hello.fields["manifest"]).lanes) == 2
    for _ in range(2):
        lane = child.hear()
        assert (lane.say, len(lane.descriptors)) == ("lane", 3)
        close_all(lane.descriptors)
    child.control.send("bye")
    assert child.end() == 0
    assert child.process.stdout is not None
    assert child.process.stdout.read().splitlines() == ["loading servable.py", "a warning", "closing"]


@pytest.mark.parametrize(
    ("function", "where", "what"),
    [
        ("refuses", "servable.py:3", "is not as it should be"),
        ("fails", "servable.py:4", "ZeroDivisionError: division by zero"),
        ("exits", "servable.py", "ends the process: it calls exit(3)"),
    ],
)
def test_what_goes_wrong_is_told_to_the_server(
    child: Child, tmp_path: Path, function: str, where: str, what: str
) -> None:
    child.assign(function, tmp_path / "servable.py")
    problem = child.hear()
    assert problem.say == "problem"
    assert problem.fields["where"] == str(tmp_path / where)
    assert problem.fields["what"] == what
    assert child.end() == 1


def test_the_traceback_is_on_its_standard_error(child: Child, tmp_path: Path) -> None:
    child.assign("fails", tmp_path / "servable.py")
    child.end()
    assert child.process.stdout is not None
    assert "Traceback (most recent call last)" in child.process.stdout.read()


def test_a_warm_up_that_fails_is_told(child: Child, tmp_path: Path) -> None:
    child.assign("warm_up_fails", tmp_path / "servable.py")
    assert child.hear().say == "hello"
    close_all(child.hear().descriptors)
    child.control.send("go")
    assert child.hear().fields["what"] == "ValueError: it is too cold"


def test_it_never_outlives_its_server_whatever_its_code_does(child: Child, tmp_path: Path) -> None:
    child.assign("hangs", tmp_path / "servable.py")
    assert child.process.stdout is not None
    assert child.process.stdout.readline() == "hanging\n"
    child.control.close()
    assert child.end() == 1


def test_ctrl_c_is_not_its_business_but_sigterm_ends_it(child: Child, tmp_path: Path) -> None:
    child.assign("hangs", tmp_path / "servable.py")
    assert child.process.stdout is not None
    child.process.stdout.readline()
    child.process.send_signal(signal.SIGINT)
    child.process.send_signal(signal.SIGTERM)
    assert child.end() == -signal.SIGTERM


def test_it_finds_nothing_of_salvers_that_is_none_of_its_business(child: Child, tmp_path: Path) -> None:
    child.assign("tells_its_surroundings", tmp_path / "servable.py")
    assert child.hear().fields["what"] == "arguments: 1, open files: 0 1 2 control, a module called stage: no"


def test_a_child_that_it_forks_does_not_keep_its_connections_open(child: Child, tmp_path: Path) -> None:
    child.assign("forks", tmp_path / "servable.py")
    child.hear()
    close_all(child.hear().descriptors)
    child.process.kill()
    assert child.control.receive() is None
    os.killpg(child.process.pid, signal.SIGKILL)


def test_the_kernel_ends_it_with_its_server_even_if_python_cannot() -> None:
    """The server here is a process that kills itself; its worker holds the interpreter's lock for ever."""
    program = ROOT / "tests" / "workers" / "dying_server.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    ran = subprocess.run(
        [sys.executable, str(program)], stdout=subprocess.PIPE, text=True, timeout=30, env=environment, check=False
    )
    assert ran.returncode == -signal.SIGKILL
    worker = int(ran.stdout.split()[-1])
    until(lambda: ended(worker))


def test_by_hand_it_says_who_starts_it() -> None:
    ran = subprocess.run([sys.executable, str(START)], capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 2
    assert "is started by a salver server" in ran.stderr
