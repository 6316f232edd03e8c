"""Workers of a start script: one for each device, brought back when they end, and what becomes of their calls."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.ports import free_port
from support.waiting import until

from mindspore_serving.client import Client

from .scripts import Script, started

# Calls that wait note which process runs them, and go on when the gate is open.
SERVABLE = """
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mindspore_serving.server import register

POOL = ThreadPoolExecutor(2)


def wait(gate):
    with Path(f"{gate}.begun").open("a") as begun:
        begun.write(f"{os.getpid()}\\n")
    while not Path(gate).exists():
        time.sleep(0.01)
    return os.getpid()


@register.register_method(output_names=["worker"])
def waits(gate):
    return register.add_stage(wait, gate, outputs_count=1)


def look(x):
    # In a pool, as it would refuse work in a process whose main thread has ended.
    return POOL.submit(os.getpid).result(), os.environ.get("SERVING_DEVICE_ID", "none"), x


@register.register_method(output_names=["worker", "device", "x"])
def who(x):
    return register.add_stage(look, x, outputs_count=3)


def leave(status):
    os._exit(int(status[0]))


@register.register_method(output_names=["never"])
def leaves(status):
    return register.add_stage(leave, status, outputs_count=1)
"""

START = """
from mindspore_serving import server

if __name__ == "__main__":
    config = server.ServableStartConfig(".", "calm", device_ids={devices}, num_parallel_workers={workers})
    server.start_servables(servable_configs=config)
    server.start_grpc_server("127.0.0.1:{port}")
    print("main has ended")
"""


class Place:
    def __init__(self, folder: Path, devices: object, workers: int = 0) -> None:
        (folder / "calm").mkdir(parents=True)
        (folder / "calm" / "servable_config.py").write_text(SERVABLE)
        self.port = free_port()
        self.script = folder / "start.py"
        self.script.write_text(START.format(devices=devices, workers=workers, port=self.port))
        self.gate = folder / "gate"

    def client(self, method: str) -> Client:
        return Client(f"127.0.0.1:{self.port}", "calm", method)

    def who(self) -> dict[str, Any]:
        """Process and device of whoever answers. Fails if nobody does."""
        reply = self.client("who").infer({"x": 1})
        assert isinstance(reply, list), reply
        return reply[0]

    def answering(self) -> dict[int, str]:
        """The devices by the processes of those that answer, asked often enough to meet all of them."""
        replies = self.client("who").infer([{"x": number} for number in range(200)])
        if isinstance(replies, dict):
            return {}
        return {int(reply["worker"]): reply["device"] for reply in replies}

    def begun(self) -> list[int]:
        noted = Path(f"{self.gate}.begun")
        return [int(line) for line in noted.read_text().split()] if noted.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, devices=(0, 1))


@pytest.fixture
def script(place: Place) -> Iterator[Script]:
    """Runs on two devices; its main function has ended."""
    with started(place.script, wait_for="main has ended") as script:
        yield script


@pytest.mark.parametrize(
    ("devices", "workers", "expected"),
    [
        (0, 0, ["0"]),
        ((0, 1), 0, ["0", "1"]),
        ((3,), 2, ["3", None]),
        (None, 0, [None]),
    ],
)
def test_each_device_has_a_worker_that_knows_it(
    tmp_path: Path, devices: object, workers: int, expected: list[str | None]
) -> None:
    place = Place(tmp_path, devices, workers)
    with started(place.script, wait_for="main has ended") as script:
        assert [script.variable(each, "SERVING_DEVICE_ID") for each in script.workers()] == expected
        assert place.who()["device"] in {each or "none" for each in expected}


def test_workers_are_in_the_middle_of_calls_at_the_same_time(place: Place, script: Script) -> None:
    until(lambda: len(place.answering()) == 2)
    answers = []
    for count in (1, 2):
        answers.append(place.client("waits").infer_async({"gate": str(place.gate)}))
        until(lambda count=count: len(place.begun()) == count)
    assert sorted(place.begun()) == script.workers()
    place.gate.touch()
    assert [answer.result()[0]["worker"] for answer in answers] == place.begun()


def test_a_worker_that_was_killed_is_replaced_and_serves_the_same_device(place: Place, script: Script) -> None:
    killed, other = script.workers()
    os.kill(killed, signal.SIGKILL)
    until(lambda: place.who()["worker"] == other)  # no call fails meanwhile
    until(lambda: len(place.answering()) == 2)
    assert other in script.workers()
    assert killed not in script.workers()
    assert sorted(place.answering().values()) == ["0", "1"]
    until(lambda: "calm/1 worker 0 was ended by SIGKILL; it is started again in 0.1 s\n" in script.output)
    until(lambda: "calm/1 worker 0 serves again\n" in script.output)


def test_without_a_worker_the_servable_is_not_available_until_one_is_back(tmp_path: Path) -> None:
    place = Place(tmp_path, devices=0)
    config = tmp_path / "calm" / "servable_config.py"
    with started(place.script, wait_for="main has ended") as script:
        [worker] = script.workers()
        config.rename(tmp_path / "away")
        os.kill(worker, signal.SIGKILL)
        until(lambda: "calm/1 worker 0 could not be loaded again" in script.output)
        reply = place.client("who").infer({"x": 1})
        assert reply == {"error": "Request servable(calm) method(who) , servable is not available"}
        (tmp_path / "away").rename(config)
        until(lambda: len(place.answering()) == 1)
        assert place.who()["worker"] != worker


def test_a_call_in_the_middle_is_tried_once_more_by_another_worker(place: Place, script: Script) -> None:
    answer = place.client("waits").infer_async({"gate": str(place.gate)})
    until(lambda: len(place.begun()) == 1)
    os.kill(place.begun()[0], signal.SIGKILL)
    until(lambda: len(place.begun()) == 2)
    place.gate.touch()
    first, second = place.begun()
    assert answer.result()[0]["worker"] == second != first


def test_a_call_that_ends_its_worker_twice_is_given_up(place: Place, script: Script) -> None:
    before = set(script.workers())
    reply = place.client("leaves").infer({"status": 3})
    assert isinstance(reply, dict)
    assert reply["error"].startswith("the worker that ran stage 'leaves.leave' was lost; it is being restarted")
    until(lambda: len(place.answering()) == 2)
    assert not before & set(script.workers())
