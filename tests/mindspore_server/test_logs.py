"""The logs of workers: beside what the server passes on, each writes a file of its own, as operators look for it."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.ports import free_port
from support.waiting import until

from mindspore_serving.client import Client
from salver.testing.server import running

from .scripts import started

SERVABLE = """
import os
import sys
from mindspore_serving.server import register

print("loading for device", os.environ.get("SERVING_DEVICE_ID"))
print("a warning", file=sys.stderr)


def noted(x):
    print("asked for", x)
    return x


@register.register_method(output_names=["y"])
def note(x):
    return register.add_stage(noted, x, outputs_count=1)
"""

START = """
from mindspore_serving import server

server.start_servables(server.ServableStartConfig(".", "talk", {devices}, num_parallel_workers={workers}))
server.start_grpc_server("127.0.0.1:{port}")
"""


class Place:
    def __init__(self, folder: Path, devices: object = (0, 3), workers: int = 0) -> None:
        (folder / "talk").mkdir()
        (folder / "talk" / "servable_config.py").write_text(SERVABLE)
        self.port = free_port()
        self.script = folder / "start.py"
        self.script.write_text(START.format(devices=devices, workers=workers, port=self.port))
        self.folder = folder

    def note(self, x: str) -> None:
        assert Client(f"127.0.0.1:{self.port}", "talk", "note").infer({"x": x}) == [{"y": x}]

    def logs(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in (self.folder / "serving_logs").iterdir()}


@pytest.mark.parametrize(
    ("devices", "workers", "names"),
    [
        ((0, 3), 0, {"log_talk_device0_version1.log": "0", "log_talk_device3_version1.log": "3"}),
        (2, 2, {"log_talk_device2_version1.log": "2", "log_talk_extra0_version1.log": "None"}),
        (None, 2, {"log_talk_extra0_version1.log": "None", "log_talk_extra1_version1.log": "None"}),
    ],
)
def test_each_worker_has_a_file_with_all_that_it_prints(
    tmp_path: Path, devices: object, workers: int, names: Mapping[str, str]
) -> None:
    place = Place(tmp_path, devices, workers)
    with started(place.script) as script:
        place.note("hello")
        until(lambda: any("asked for hello\n" in text for text in place.logs().values()))
        until(lambda: "] asked for hello\n" in script.output)
        logs = place.logs()
        assert set(logs) == set(names)
        for name, device in names.items():
            assert f"loading for device {device}\n" in logs[name]
            assert "a warning\n" in logs[name]


def test_how_a_worker_ended_is_in_its_file_and_the_next_adds_to_it(tmp_path: Path) -> None:
    place = Place(tmp_path, devices=0)
    with started(place.script) as script:
        [worker] = script.workers()
        os.kill(worker, signal.SIGKILL)
        until(lambda: "serves again" in script.output)
        until(lambda: "serves again" in place.logs()["log_talk_device0_version1.log"])
        log = place.logs()["log_talk_device0_version1.log"]
    assert "salver: talk/1 worker 0 was ended by SIGKILL; it is started again in 0.1 s\n" in log
    assert log.count("loading for device 0\n") == 2
    assert log.count("salver: talk/1 worker 0 is started at 20") == 2


def test_files_are_bounded_as_the_environment_says(tmp_path: Path) -> None:
    place = Place(tmp_path, devices=0)
    with started(place.script, logger_maxBytes="300", logger_backupCount="1") as script:
        for number in range(20):
            place.note(f"something quite long, {number}")
        until(lambda: "asked for something quite long, 19\n" in place.logs()["log_talk_device0_version1.log"])
        until(lambda: script.output.count("asked for something quite long") == 20)
        assert all(len(text) <= 300 for text in place.logs().values())
        assert set(place.logs()) == {"log_talk_device0_version1.log", "log_talk_device0_version1.log.1"}


def test_where_nothing_can_be_written_there_is_one_warning_and_the_servable_runs(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "serving_logs").touch()
    with started(place.script) as script:
        place.note("hello")
        until(lambda: script.output.count("What workers print is not written to serving_logs") == 1)


def test_salver_serve_writes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Place(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with running(tmp_path / "talk" / "servable_config.py"):
        assert not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize(
    ("variables", "told"), [({"GLOG_v": "1"}, True), ({"MS_SUBMODULE_LOG_v": "{SERVING:1}"}, True), ({}, False)]
)
def test_below_warnings_the_time_of_each_batch_is_told(
    tmp_path: Path, variables: Mapping[str, str], told: bool
) -> None:
    place = Place(tmp_path, devices=0)
    with started(place.script, **variables):
        place.note("hello")
        until(lambda: "asked for hello\n" in place.logs()["log_talk_device0_version1.log"])
        place.note("again")
        until(lambda: "asked for again\n" in place.logs()["log_talk_device0_version1.log"])
        lines = place.logs()["log_talk_device0_version1.log"].splitlines()
        found = [line for line in lines if line.startswith("WorkerRequestHandle Time Cost # ")]
        assert bool(found) == told
        assert all(line.endswith(" ms, note.noted, instances count 1") for line in found)


@pytest.mark.parametrize(("level", "heard"), [("2", True), ("3", False)])
def test_glog_v_3_is_for_errors_only(tmp_path: Path, level: str, heard: bool) -> None:
    place = Place(tmp_path, devices=0)
    config = tmp_path / "talk" / "servable_config.py"
    failing = SERVABLE.replace('print("asked for", x)', "1 / 0")
    config.write_text(failing + "\nregister.AclOptions()\n")
    with started(place.script, GLOG_v=level) as script:
        reply = Client(f"127.0.0.1:{place.port}", "talk", "note").infer({"x": "a"})
        assert isinstance(reply, dict)
        assert "division by zero" in reply["error"]
        until(lambda: "ZeroDivisionError" in script.output)
        assert ("'AclOptions' is deprecated" in script.output) == heard
