"""A server that is driven by a program, in the process of these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.http import get, post
from support.models import scaled
from support.servables import CALC, write_servable
from support.waiting import until
from workers.processes import workers as worker_processes

from examples.models import write
from salver.config.settings import Config
from salver.repository.scan import Repository, scan
from salver.runtimes import table
from salver.server.live import LiveServer
from salver.server.load import Running
from salver.server.trial import Refusal, call


@pytest.fixture
def server() -> Iterator[LiveServer]:
    server = LiveServer(Config())
    yield server
    server.stop()
    assert worker_processes() == []


def found(directory: Path) -> Repository:
    return scan(directory, table.suffixes())


def states(address: str) -> dict[str, str]:
    """By name, what is not ready, and why where that is told."""
    listed = [(each["name"], each["versions"][0]) for each in get(address, "/servables").json["servables"]]
    return {name: version.get("reason", version["state"]) for name, version in listed if version["state"] != "ready"}


def test_versions_and_addresses_come_in_any_order(server: LiveServer, tmp_path: Path) -> None:
    first = server.listen("127.0.0.1:0", None)
    write(scaled(2.0), tmp_path / "one", "scaled")
    assert post(first, "/servables/scaled", {"x": [1, 2]}).status == 404
    server.add(found(tmp_path / "one").versions)
    assert post(first, "/servables/scaled", {"x": [1, 2]}).json == {"y": [2, 4]}
    write_servable(tmp_path / "two", "calc", CALC)
    server.add(found(tmp_path / "two").versions)
    second = server.listen("127.0.0.1:0", None)
    for address in (first, second):
        assert post(address, "/servables/scaled", {"x": [1, 2]}).json == {"y": [2, 4]}
        assert post(address, "/servables/calc/shout", {"text": "hello"}).json == {"output": "HELLO"}


def test_callers_are_told_what_is_about_to_be_loaded_and_what_could_not_be(server: LiveServer, tmp_path: Path) -> None:
    address = server.listen("127.0.0.1:0", None)
    write_servable(tmp_path, "broken", "1 / 0\n")
    write_servable(tmp_path, "calc", CALC)
    repository = found(tmp_path)
    server.expect(repository.versions)
    assert states(address) == {"broken": "loading", "calc": "loading"}
    assert post(address, "/servables/calc", {}).status == 503
    broken, calc = server.add(repository.versions)
    assert isinstance(calc, Running)
    assert server.refused == [broken]
    assert states(address) == {"broken": "servable.py:1: ZeroDivisionError: division by zero"}
    assert post(address, "/servables/broken", {}).status == 503
    assert get(address, "/v2/health/ready").status == 400


def test_a_drained_server_refuses_calls_and_a_stopped_one_has_no_workers(server: LiveServer, tmp_path: Path) -> None:
    address = server.listen("127.0.0.1:0", None)
    write_servable(tmp_path, "calc", CALC, "workers = 2")
    server.add(found(tmp_path).versions)
    assert len(worker_processes()) == 2
    assert server.drain(5.0) == 0
    assert post(address, "/servables/calc/shout", {"text": "hello"}).status == 503
    server.stop()
    server.stop()
    assert worker_processes() == []


def test_any_method_can_be_tried_by_one_row(server: LiveServer, tmp_path: Path) -> None:
    socket = tmp_path / "s"
    server.listen(f"unix:{socket}", None)
    yielding = "from typing import Iterator\n\nimport salver\n\n\n@salver.servable\nclass Count:\n"
    yielding += "    def up(self, text: str) -> Iterator[str]:\n        yield from text.split()\n        int(text)\n"
    write_servable(tmp_path / "models", "count", yielding)
    write_servable(tmp_path / "models", "calc", CALC)
    server.add(found(tmp_path / "models").versions)
    assert call(socket, "calc/versions/1/shout", {"text": "hello"}) is None
    assert call(socket, "count/versions/1/up", {"text": "7"}) is None
    refusal = call(socket, "count/versions/1/up", {"text": "one two"})
    assert isinstance(refusal, Refusal)
    assert "invalid literal for int()" in refusal.message
    refusal = call(socket, "calc/versions/1/add", {"x1": [1, 2]})
    assert refusal is not None
    assert refusal.code == "INVALID_ARGUMENT"


def test_a_worker_that_ends_is_back_for_the_next_call(server: LiveServer, tmp_path: Path) -> None:
    address = server.listen("127.0.0.1:0", None)
    write_servable(tmp_path, "calc", CALC)
    server.add(found(tmp_path).versions)
    assert post(address, "/servables/calc/end", {"how": "exit"}).status == 503
    until(lambda: post(address, "/servables/calc/end", {"how": "not at all"}).status == 200)
