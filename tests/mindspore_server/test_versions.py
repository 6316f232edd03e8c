"""Version folders and configurations of the same servable: what is served then, by which workers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.ports import free_port
from workers.processes import workers

from examples.models import make_model
from mindspore_serving import server
from mindspore_serving.client import Client
from mindspore_serving.server import ServableStartConfig

WITH_MODEL = """
from mindspore_serving.server import register

model = register.declare_model("offset.mindir", "MindIR")


@register.register_method("y")
def move(x):
    return register.add_stage(model, x, outputs_count=1)
"""

WITHOUT_MODEL = """
import os
from mindspore_serving.server import register


def moved(x):
    return x + 1, os.environ.get("SERVING_DEVICE_ID", "none")


@register.register_method(["y", "device"])
def move(x):
    return register.add_stage(moved, x, outputs_count=2)
"""


@pytest.fixture(autouse=True)
def _everything_ends() -> Iterator[None]:
    yield
    server.stop()


class Place:
    """A folder of servables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"

    def put(self, name: str, text: str, *versions: str) -> None:
        """A servable; its model adds the number of the version."""
        for version in versions:
            folder = self.folder / name / version
            folder.mkdir(parents=True)
            onnx.save(offset(int(version) if version.isdecimal() else -1), folder / "offset.onnx")
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / name / "servable_config.py").write_text(text)

    def start(self, *configs: dict[str, Any]) -> None:
        server.start_servables([ServableStartConfig(str(self.folder), **config) for config in configs])
        server.start_grpc_server(self.address)

    def ask(self, name: str, version: int = 0) -> Any:
        """What is added to 0, or the text of the error."""
        reply = Client(self.address, name, "move", version).infer({"x": np.zeros(2, np.float32)})
        return reply["error"] if isinstance(reply, dict) else float(reply[0]["y"][0])

    def devices(self, name: str) -> set[str]:
        """Those whose workers answer."""
        replies = Client(self.address, name, "move").infer([{"x": np.zeros(2)}] * 300)
        return {reply["device"] for reply in replies} if isinstance(replies, list) else set()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def offset(number: float) -> onnx.ModelProto:
    ports = [(name, TensorProto.FLOAT, ["n", 2]) for name in ("x", "y")]
    constant = [("number", np.array([number], np.float32))]
    return make_model([helper.make_node("Add", ["x", "number"], ["y"])], ports[:1], ports[1:], constant)


NOT_THERE = "Request servable(move) method(move)  version({}) , servable is not available"
FOLDERS = ("1", "2", "10", "draft", "3a", "0")


@pytest.mark.parametrize(
    ("versions", "asked", "answers"),
    [
        (FOLDERS, [0], {0: 10, 10: 10, 2: NOT_THERE.format(2)}),
        (FOLDERS, [2], {0: 2, 2: 2, 10: NOT_THERE.format(10)}),
        (FOLDERS, [1, 2], {0: 2, 1: 1, 2: 2, 10: NOT_THERE.format(10)}),
        (FOLDERS, [0, 1, 2], {0: 10, 1: 1, 2: 2, 10: 10}),
        (FOLDERS, [0, 10], {0: 10, 10: 10}),
        (("7",), [0], {0: 7, 7: 7, 1: NOT_THERE.format(1)}),
    ],
)
def test_each_configuration_serves_one_version_and_0_is_the_highest(
    place: Place, versions: tuple[str, ...], asked: list[int], answers: dict[int, object]
) -> None:
    place.put("move", WITH_MODEL, *versions)
    place.start(*({"servable_name": "move", "version_number": number} for number in asked))
    assert {version: place.ask("move", version) for version in answers} == answers


@pytest.mark.parametrize(
    ("versions", "asked", "served"), [((), 0, 1), ((), 7, 7), (("3",), 0, 3), (("3",), 7, 7), (("3", "4"), 3, 3)]
)
def test_without_models_no_version_folder_is_needed(
    place: Place, versions: tuple[str, ...], asked: int, served: int
) -> None:
    place.put("move", WITHOUT_MODEL, *versions)
    place.start({"servable_name": "move", "version_number": asked})
    assert [place.ask("move", version) for version in (0, served)] == [1, 1]
    assert place.ask("move", served + 1) == NOT_THERE.format(served + 1)


@pytest.mark.parametrize(
    ("configs", "devices", "processes"),
    [
        ([{"device_ids": 0}, {"device_ids": 1}], {"0", "1"}, 2),
        ([{"device_ids": (0, 1)}, {"device_ids": (1, 4)}], {"0", "1", "4"}, 3),
        ([{"device_ids": 0, "num_parallel_workers": 2}, {"device_ids": 1}], {"0", "1"}, 2),
        ([{"device_ids": 0}, {"num_parallel_workers": 3}], {"0", "none"}, 3),
        ([{"num_parallel_workers": 1}, {"num_parallel_workers": 2}], {"none"}, 2),
        ([{}, {"version_number": 1}], {"none"}, 1),
    ],
)
def test_configurations_of_one_version_are_joined(
    place: Place, configs: list[dict[str, Any]], devices: set[str], processes: int
) -> None:
    place.put("move", WITHOUT_MODEL)
    place.start(*({"servable_name": "move", **config} for config in configs))
    assert len(workers()) == processes
    answering: set[str] = set()
    while answering != devices:  # the time limit of every test is that of this, too
        answering |= place.devices("move")


def test_several_servables_and_versions_at_once(place: Place) -> None:
    place.put("move", WITH_MODEL, "1", "2")
    place.put("step", WITHOUT_MODEL)
    place.start(
        {"servable_name": "step", "device_ids": 0},
        {"servable_name": "move", "version_number": 1, "device_ids": (0, 1)},
        {"servable_name": "move", "version_number": 2, "device_ids": 0},
    )
    assert [place.ask("move", version) for version in (0, 1, 2)] == [2, 1, 2]
    assert place.ask("step") == 1
