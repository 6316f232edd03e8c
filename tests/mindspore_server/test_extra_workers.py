"""Workers beyond the devices: they run functions, whose models stay with the workers that have devices."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.ports import free_port
from support.waiting import until

from mindspore_serving.client import Client

from .scripts import Script, started

SERVABLE = """
import os
from mindspore_serving.server import register

ages = register.declare_model("ages.table", "MindIR")


def look_up(person):
    return os.getpid(), ages.call(person)


@register.register_method(output_names=["worker", "age"])
def by_call(person):
    return register.add_stage(look_up, person, outputs_count=2)


def who(age):
    return os.getpid(), age


@register.register_method(output_names=["worker", "age"])
def by_stage(person):
    age = register.add_stage(ages, person, outputs_count=1)
    return register.add_stage(who, age, outputs_count=2)


@register.register_method(output_names=["age"])
def only_model(person):
    return register.add_stage(ages, person, outputs_count=1)
"""

ONLY_MODELS = """
from mindspore_serving.server import register

ages = register.declare_model("ages.table", "MindIR")


@register.register_method(output_names=["age"])
def only_model(person):
    return register.add_stage(ages, person, outputs_count=1)
"""

UNOCCUPIED = (
    "Call Function 'ages.look_up' Failed, method: 'by_call', stage index(begin with 1): 1, error msg: "
    "Model(ages.table).call() failed: There are no available inference processes that occupy devices"
)

# A model that workers run, for it has no ONNX form.
AGES = {
    "inputs": [{"name": "person", "dtype": "int32", "dims": ["n"]}],
    "outputs": [{"name": "age", "dtype": "int32", "dims": ["n"]}],
    "rows": {"1": [36], "2": [41]},
}

START = """
from mindspore_serving import server

config = server.ServableStartConfig(".", "ages", device_ids={devices}, num_parallel_workers={workers})
server.start_servables(config)
server.start_grpc_server("127.0.0.1:{port}")
"""


class Place:
    def __init__(self, folder: Path, servable: str = SERVABLE) -> None:
        (folder / "ages" / "1").mkdir(parents=True)
        self.config = folder / "ages" / "servable_config.py"
        self.config.write_text(servable)
        (folder / "ages" / "1" / "ages.table").write_text(json.dumps(AGES))
        self.port = free_port()
        self.script = folder / "start.py"

    def started(self, devices: object, workers: int) -> Any:
        self.script.write_text(START.format(devices=devices, workers=workers, port=self.port))
        return started(self.script)

    def ask(self, method: str, *people: int) -> list[dict[str, Any]]:
        """An outcome for each person."""
        reply = Client(f"127.0.0.1:{self.port}", "ages", method).infer(
            [{"person": np.int32(person)} for person in people]
        )
        return reply if isinstance(reply, list) else [reply] * len(people)

    def answering(self, method: str) -> set[int]:
        """The processes that answer, asked often enough to meet all of them."""
        return {int(reply["worker"]) for reply in self.ask(method, *[1] * 200)}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def script(place: Place) -> Iterator[Script]:
    """Runs on device 0, and has two workers more."""
    with place.started(0, 3) as script:
        yield script


@pytest.mark.parametrize("method", ["by_call", "by_stage"])
def test_functions_run_in_all_of_them(place: Place, script: Script, method: str) -> None:
    assert [reply["age"] for reply in place.ask(method, 1, 2)] == [36, 41]
    until(lambda: place.answering(method) == set(script.workers()))
    assert len(script.workers()) == 3


def test_models_stay_with_the_devices_workers(place: Place, script: Script) -> None:
    device, *extra = script.workers()
    place.config.rename(place.config.with_suffix(".away"))
    os.kill(device, signal.SIGKILL)
    until(lambda: "ages/1 worker 0 could not be loaded again" in script.output)
    told = {"error": "Request servable(ages) method(only_model) , servable is not available"}
    assert place.ask("only_model", 1) == [told]
    assert place.ask("by_call", 1) == [{"error": UNOCCUPIED}]
    place.config.with_suffix(".away").rename(place.config)
    until(lambda: "ages/1 worker 0 serves again" in script.output)
    assert place.ask("only_model", 1) == [{"age": 36}]
    until(lambda: place.answering("by_call") >= set(extra))


def test_an_extra_worker_that_was_killed_is_replaced_by_one(place: Place, script: Script) -> None:
    device, extra, _ = script.workers()
    os.kill(extra, signal.SIGKILL)
    until(lambda: "worker 1 serves again" in script.output)
    until(lambda: len(place.answering("by_stage")) == 3)
    assert device in script.workers()


def test_without_devices_all_workers_run_the_models(place: Place) -> None:
    with place.started(None, 2) as script:
        first, _ = script.workers()
        os.kill(first, signal.SIGKILL)
        assert place.ask("only_model", 2) == [{"age": 41}]  # by the other


def test_where_all_stages_are_models_there_are_none(tmp_path: Path) -> None:
    place = Place(tmp_path, ONLY_MODELS)
    with place.started((0, 1), 5) as script:
        assert place.ask("only_model", 1, 2) == [{"age": 36}, {"age": 41}]
        assert len(script.workers()) == 2
        told = "No extra workers are started for servable ages: all of its stages are models"
        until(lambda: script.output.count(told) == 1)
