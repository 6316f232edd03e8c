"""The life of a start script's process: it outlives its main function, and ends when told to, with all its workers."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from support.ports import free_port
from support.waiting import until

from mindspore_serving.client import Client

from .scripts import READY, started

# `waits` is in the middle of a call from when it has noted its process until the gate, a file, is there.
SERVABLE = """
import os
import time
from pathlib import Path

from mindspore_serving.server import register


def wait(gate):
    with Path(f"{gate}.begun").open("a") as begun:
        begun.write(f"{os.getpid()}\\n")
    while not Path(gate).exists():
        time.sleep(0.01)
    return os.getpid()


@register.register_method(output_names=["worker"])
def waits(gate):
    return register.add_stage(wait, gate, outputs_count=1)


def doubled(x):
    return 2 * x


@register.register_method(output_names=["y"])
def double(x):
    return register.add_stage(doubled, x, outputs_count=1)
"""

START = """
import os
import sys
import threading
import time
from mindspore_serving import server

ADDRESS = f"127.0.0.1:{{sys.argv[1]}}"


def start():
    config = server.ServableStartConfig(servable_directory=".", servable_name="calm", device_ids=(0, 1))
    server.start_servables(servable_configs=config)
    server.start_grpc_server(ADDRESS)


if __name__ == "__main__":
    {main}
"""

BOTH_SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


class Place:
    """A folder with the servable, and a start script with this main part."""

    def __init__(self, folder: Path, main: str = "start()", servable: str = SERVABLE) -> None:
        (folder / "calm").mkdir(parents=True)
        (folder / "calm" / "servable_config.py").write_text(servable)
        self.script = folder / "start.py"
        self.script.write_text(START.format(main=main.replace("\n", "\n    ")))
        self.port = str(free_port())
        self.gate = folder / "gate"

    def double(self, x: float) -> Any:
        """What the client gets: twice as much, or an error."""
        reply = Client(f"127.0.0.1:{self.port}", "calm", "double").infer({"x": np.float32(x)})
        return reply["error"] if isinstance(reply, dict) else reply[0]["y"]

    def refuses(self) -> bool:
        """Whether it takes no more calls, not even such as are wrong."""
        reply = Client(f"127.0.0.1:{self.port}", "calm", "absent").infer({"x": 1})
        assert isinstance(reply, dict)
        return "method is not available" not in reply["error"]

    def wait(self) -> Callable[[], Any]:
        """Have a worker in the middle of a call; what is returned waits for the reply."""
        client = Client(f"127.0.0.1:{self.port}", "calm", "waits")
        answer = client.infer_async({"gate": str(self.gate)})
        until(self.begun)
        return answer.result

    def begun(self) -> list[int]:
        """The processes that have begun to wait at the gate, one after the other."""
        noted = Path(f"{self.gate}.begun")
        return [int(line) for line in noted.read_text().split()] if noted.exists() else []


def alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


@BOTH_SIGNALS
def test_the_process_outlives_its_main_function_and_ends_at_a_signal(tmp_path: Path, number: int) -> None:
    place = Place(tmp_path, main='start()\nprint("main has ended")')
    with started(place.script, place.port, wait_for="main has ended") as script:
        assert place.double(21) == 42
        workers = script.workers()
        assert len(workers) == 2
        script.signal(number)
        assert script.wait(20) == 0
        assert not any(map(alive, workers))
        assert "Traceback" not in script.output


@BOTH_SIGNALS
def test_a_call_in_the_middle_is_answered_before_the_end(tmp_path: Path, number: int) -> None:
    place = Place(tmp_path)
    with started(place.script, place.port) as script:
        answer = place.wait()
        script.signal(number)
        until(place.refuses)
        assert script.process.poll() is None
        place.gate.touch()
        [reply] = answer()
        assert reply["worker"] == place.begun()[0]
        assert script.wait(20) == 0


def test_a_call_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with started(place.script, place.port, SALVER_DRAIN_TIMEOUT_S="0.2") as script:
        answer = place.wait()
        script.signal(signal.SIGTERM)
        assert refused(answer)
        assert script.wait(30) == 0
        assert not alive(place.begun()[0])


@BOTH_SIGNALS
def test_a_second_signal_ends_everything_at_once(tmp_path: Path, number: int) -> None:
    place = Place(tmp_path)
    with started(place.script, place.port) as script:
        place.wait()
        script.signal(signal.SIGINT)
        until(place.refuses)
        script.signal(number)
        assert script.wait(10) == 128 + number


def refused(answer: Callable[[], Any]) -> bool:
    """Whether the call failed, inside a reply or without one."""
    try:
        return "error" in answer()
    except grpc.RpcError as error:
        return error.code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[no-any-return, attr-defined]


def test_a_relative_folder_is_the_scripts_wherever_it_is_started(tmp_path: Path) -> None:
    place = Place(tmp_path / "here")
    (tmp_path / "elsewhere").mkdir()
    with started(place.script, place.port, folder=tmp_path / "elsewhere"):
        assert place.double(1) == 2


def test_a_server_that_is_killed_takes_its_workers_with_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with started(place.script, place.port) as script:
        place.wait()
        script.process.kill()
        until(lambda: not script.processes())


GOES_ON = """
start()
try:
    while True:
        time.sleep(60)
finally:
    print("interrupted by", sys.exc_info()[0].__name__)
"""


@BOTH_SIGNALS
def test_a_script_that_goes_on_is_interrupted_when_its_server_has_ended(tmp_path: Path, number: int) -> None:
    place = Place(tmp_path, GOES_ON)
    with started(place.script, place.port) as script:
        assert place.double(1) == 2
        script.signal(number)
        assert script.wait(20) == -signal.SIGINT
        assert "interrupted by KeyboardInterrupt\n" in script.output


CLEANS_UP = """
start()
try:
    while True:
        time.sleep(60)
except KeyboardInterrupt:
    server.stop()
    print("cleaned up")
"""


@BOTH_SIGNALS
def test_a_script_may_stop_a_server_that_a_signal_has_ended(tmp_path: Path, number: int) -> None:
    place = Place(tmp_path, CLEANS_UP)
    with started(place.script, place.port) as script:
        script.signal(number)
        assert script.wait(20) == 0
        assert "cleaned up\n" in script.output


def test_other_signals_that_a_script_handles_are_its_own(tmp_path: Path) -> None:
    own = """
import signal
signal.signal(signal.SIGUSR1, lambda *_: print("own signal"))
start()
while True:
    time.sleep(60)
"""
    place = Place(tmp_path, own)
    with started(place.script, place.port) as script:
        script.signal(signal.SIGUSR1)
        script.wait_for("own signal")
        assert place.double(1) == 2


AGAIN = """
start()
server.stop()
print("stopped")
start()
print("again")
"""


def test_after_a_stop_all_can_be_started_again(tmp_path: Path) -> None:
    place = Place(tmp_path, AGAIN)
    with started(place.script, place.port, wait_for="again") as script:
        assert place.double(1) == 2
        assert len(script.workers()) == 2
        assert script.output.count(READY) == 2
        script.signal(signal.SIGINT)
        assert script.wait(20) == 0


STOPPED_BY_A_THREAD = """
def stop():
    while not os.path.exists("enough"):
        time.sleep(0.01)
    server.stop()

start()
threading.Thread(target=stop).start()
"""


def test_stop_on_any_thread_ends_a_process_whose_main_function_has_ended(tmp_path: Path) -> None:
    place = Place(tmp_path, STOPPED_BY_A_THREAD)
    with started(place.script, place.port) as script:
        assert place.double(1) == 2
        (tmp_path / "enough").touch()
        assert script.wait(20) == 0


STOPPED_ELSEWHERE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which who runs in the background starts without
start()
stopping = threading.Thread(target=server.stop)
stopping.start()
stopping.join()
print("stopped")
while True:
    time.sleep(60)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM)])
def test_after_a_stop_on_another_thread_signals_are_pythons_again(tmp_path: Path, number: int, status: int) -> None:
    place = Place(tmp_path, STOPPED_ELSEWHERE)
    with started(place.script, place.port, wait_for="stopped") as script:
        script.signal(number)
        assert script.wait(20) == status


@BOTH_SIGNALS
def test_a_signal_ends_a_start_that_takes_long(tmp_path: Path, number: int) -> None:
    slow = 'import time\nprint("loading", flush=True)\ntime.sleep(60)\n'
    place = Place(tmp_path, servable=slow)
    with started(place.script, place.port, wait_for="[calm/1 worker 0] loading") as script:
        script.signal(number)
        assert script.wait(20) == 1
        assert "RuntimeError: Fail to start workers because of signal SIGINT or SIGTERM\n" in script.output
