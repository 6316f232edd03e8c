"""Versions that come and go in one server, with callers who notice nothing."""

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.http import post
from support.managed import Managed, add_version, break_version, managed
from support.servables import CALC, write_servable
from support.waiting import until
from workers.processes import workers as worker_processes

from salver.lifecycle.ledger import Retries
from salver.problems import Unusable
from salver.repository.base_path import BasePath
from salver.repository.scan import VersionFolder
from salver.repository.sources import Sources
from salver.repository.wishes import Wish
from salver.runtimes import table
from salver.runtimes.base import Host, Loaded

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Managed]:
    add_version(tmp_path, 1)
    with managed(Sources(tmp_path)) as server:
        yield server


def test_a_new_version_takes_over_and_the_old_one_ends(server: Managed, tmp_path: Path) -> None:
    assert server.answer() == 1.0
    add_version(tmp_path, 2)
    server.manager.look()
    until(lambda: server.states() == {1: "END", 2: "AVAILABLE"})
    assert (server.answer(), server.answer(version=1)) == (2.0, 404)


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(server: Managed, tmp_path: Path) -> None:
    broken = break_version(tmp_path, 2)
    server.manager.look()
    [_, record] = server.manager.wait(
        "m", lambda records: all(record.settled or not record.wanted for record in records)
    )
    assert record.problem is not None
    assert record.problem.where == str(broken)
    assert (server.answer(), server.ready()) == (1.0, True)
    add_version(tmp_path, 2)
    server.manager.look()
    until(lambda: server.states() == {1: "END", 2: "AVAILABLE"})


def test_a_folder_without_a_model_in_it_yet_changes_nothing(server: Managed, tmp_path: Path) -> None:
    (tmp_path / "m" / "2").mkdir()
    server.manager.look()
    assert server.states() == {1: "AVAILABLE", 2: "END"}
    assert server.answer() == 1.0
    add_version(tmp_path, 2)
    server.manager.look()
    until(lambda: server.states() == {1: "END", 2: "AVAILABLE"})


def test_nothing_is_unloaded_because_a_folder_is_away(tmp_path: Path) -> None:
    add_version(tmp_path, 1)
    with managed(Sources(listed=(BasePath("m", tmp_path / "m"),))) as server:
        (tmp_path / "m").rename(tmp_path / "away")
        server.manager.look()
        assert server.states() == {1: "AVAILABLE"}
        (tmp_path / "m").mkdir()
        server.manager.look()
        until(lambda: server.states() == {1: "END"})
        assert server.answer() == 503


def test_a_listed_servable_without_a_version_keeps_the_server_from_being_ready(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with managed(Sources(listed=(BasePath("m", tmp_path / "m"),))) as server:
        assert (server.states(), server.ready()) == ({1: "END"}, False)
        add_version(tmp_path, 2)
        server.manager.look()
        until(lambda: server.states() == {2: "AVAILABLE"})
        assert server.ready()
        shutil.rmtree(tmp_path / "m" / "2")
        server.manager.look()
        until(lambda: server.states() == {2: "END"} and not server.ready())
        [status] = server.manager.statuses()
        assert status.record.problem is not None
        assert status.record.problem.what == "has no version folder"


def test_a_folder_of_servables_that_is_away_is_told_and_changes_nothing(server: Managed, tmp_path: Path) -> None:
    tmp_path.rename(tmp_path.with_name("away"))
    with pytest.raises(Unusable, match="there is no such folder"):
        server.manager.look()
    assert server.answer() == 1.0
    tmp_path.with_name("away").rename(tmp_path)


def test_a_mistake_in_the_settings_changes_nothing(server: Managed, tmp_path: Path) -> None:
    (tmp_path / "m" / "salver.toml").write_text("versoins = 'all'")
    add_version(tmp_path, 2)
    server.manager.look()
    assert server.states() == {1: "AVAILABLE", 2: "END"}
    (tmp_path / "m" / "salver.toml").write_text("versions = 'all'")
    server.manager.look()
    until(lambda: server.states() == {1: "AVAILABLE", 2: "AVAILABLE"})


def test_a_servable_that_is_taken_away_is_no_longer_known(server: Managed, tmp_path: Path) -> None:
    add_version(tmp_path, 1, "n")
    server.manager.look()
    until(lambda: server.answer("n") == 1.0)
    shutil.rmtree(tmp_path / "m")
    server.manager.look()
    until(lambda: server.states() == {1: "END"})
    assert (server.answer("m"), server.answer("n")) == (404, 1.0)


def test_a_failed_load_is_tried_again_until_it_is_given_up(tmp_path: Path) -> None:
    break_version(tmp_path, 1)
    with managed(Sources(tmp_path), Retries(3, 0.01)) as server:
        until(lambda: server.states() == {1: "END"})
        [status] = server.manager.statuses()
        assert status.record.attempts == 4
        assert (server.answer(), server.ready()) == (503, False)
        add_version(tmp_path, 1)
        server.manager.try_again("m")
        until(lambda: server.answer() == 1.0)
        assert server.ready()


def test_what_was_removed_while_it_was_loaded_is_unloaded(tmp_path: Path) -> None:
    """The worker waits for a file before it says what it serves."""
    gate = tmp_path / "gate"
    waiting = f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.01)\n"
    add_version(tmp_path / "models", 1)
    with managed(Sources(tmp_path / "models")) as server:
        write_servable(tmp_path / "models", "late", waiting + CALC)
        server.manager.look()
        until(lambda: server.states("late") == {1: "LOADING"})
        shutil.rmtree(tmp_path / "models" / "late")
        server.manager.look()
        gate.touch()
        until(lambda: server.states("late") == {1: "END"})
        assert server.answer() == 1.0
        until(lambda: worker_processes() == [])


ENDLESS = "import time\n\ntime.sleep(1000)\n"


def test_one_that_loads_for_ever_keeps_no_other_from_coming_and_going(server: Managed, tmp_path: Path) -> None:
    write_servable(tmp_path, "endless", ENDLESS)
    write_servable(tmp_path, "late", ENDLESS)
    server.manager.look()
    until(lambda: server.states("endless") == server.states("late") == {1: "LOADING"})
    write_servable(tmp_path, "calc", CALC)
    add_version(tmp_path, 2)
    server.manager.look()
    until(lambda: server.states("calc") == {1: "AVAILABLE"})
    until(lambda: server.states() == {1: "END", 2: "AVAILABLE"})
    server.manager.look(lambda sources: sources.wish("calc", Wish().unload(None)))
    until(lambda: server.states("calc") == {1: "END"})
    assert server.states("endless") == server.states("late") == {1: "LOADING"}


def test_what_is_being_loaded_and_wanted_no_more_is_given_up_with_its_workers(server: Managed, tmp_path: Path) -> None:
    write_servable(tmp_path, "late", ENDLESS)
    server.manager.look()
    until(worker_processes)
    server.manager.look(lambda sources: sources.wish("late", Wish().unload(None)))
    until(lambda: server.states("late") == {1: "END"})
    assert worker_processes() == []
    [record] = [status.record for status in server.manager.statuses() if status.record.servable == "late"]
    assert record.problem is None
    (tmp_path / "late" / "servable.py").write_text(CALC)
    server.manager.look(lambda sources: sources.wish("late", Wish()))
    until(lambda: server.states("late") == {1: "AVAILABLE"})


def test_what_is_wanted_again_while_it_is_given_up_is_loaded_anew(server: Managed, tmp_path: Path) -> None:
    write_servable(tmp_path, "late", ENDLESS)
    server.manager.look()
    [process] = until(worker_processes)
    server.manager.look(lambda sources: sources.wish("late", Wish().unload(None)))
    until(lambda: server.states("late") != {1: "LOADING"})
    server.manager.look(lambda sources: sources.wish("late", Wish()))
    until(lambda: server.states("late") == {1: "LOADING"} and worker_processes() not in ([], [process]))


def test_a_version_in_whose_place_another_answers_is_given_up(server: Managed, tmp_path: Path) -> None:
    folder = write_servable(tmp_path, "late", ENDLESS)
    for version in (1, 2):
        (folder / str(version)).mkdir()
        server.manager.look()
        until(lambda version=version: server.states("late").get(version) == "LOADING")
    assert server.states("late") == {1: "LOADING", 2: "LOADING"}
    (folder / "servable.py").write_text(CALC)
    (folder / "3").mkdir()
    server.manager.look()
    until(lambda: server.states("late") == {1: "END", 2: "END", 3: "AVAILABLE"})
    assert len(worker_processes()) == 1


def test_what_waits_for_its_turn_is_given_up_at_once(
    server: Managed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server itself loads one model after the other."""
    usual, gate = table.load, threading.Event()

    def load(folder: VersionFolder, host: Host) -> Loaded:
        if folder.servable == "large":
            assert gate.wait(30)
        return usual(folder, host)

    monkeypatch.setattr(table, "load", load)
    add_version(tmp_path, 1, "large")
    add_version(tmp_path, 1, "next")
    server.manager.look()
    until(lambda: server.states("large") == server.states("next") == {1: "LOADING"})
    server.manager.look(lambda sources: sources.wish("next", Wish().unload(None)))
    until(lambda: server.states("next") == {1: "END"})
    server.manager.look(lambda sources: sources.wish("large", Wish().unload(None)))
    until(lambda: server.states("large") == {1: "UNLOADING"})
    gate.set()
    until(lambda: server.states("large") == {1: "END"})
    assert (server.answer("large"), server.answer("next"), server.answer()) == (404, 404, 1.0)
    server.manager.look(lambda sources: sources.wish("next", Wish()))
    until(lambda: server.answer("next") == 1.0)


def test_a_lack_of_threads_is_a_problem_of_the_one_that_needs_it(
    server: Managed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = threading.Thread.start

    def start(self: threading.Thread) -> None:
        if self.name == "loading":
            raise RuntimeError("can't start new thread")
        usual(self)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        write_servable(tmp_path, "calc", CALC)
        server.manager.look()
        [record] = server.manager.wait("calc", lambda records: all(record.settled for record in records))
    assert record.problem is not None
    assert record.problem.what == "cannot be loaded now: can't start new thread"
    server.manager.try_again("calc")
    until(lambda: server.states("calc") == {1: "AVAILABLE"})


def test_unloading_waits_for_the_calls_and_ends_the_workers(tmp_path: Path) -> None:
    add_version(tmp_path / "models", 1)
    write_servable(tmp_path / "models", "calc", CALC)
    held = tmp_path / "held"
    held.touch()
    with managed(Sources(tmp_path / "models")) as server, ThreadPoolExecutor() as pool:
        call = pool.submit(post, server.address, "/servables/calc/wait", {"file": str(held)})
        until(lambda: server.live.calls_in_flight() == 1)
        shutil.rmtree(tmp_path / "models" / "calc")
        server.manager.look()
        until(lambda: server.states("calc") == {1: "UNLOADING"})
        assert post(server.address, "/servables/calc/shout", {"text": "x"}).status == 404
        held.unlink()
        assert call.result(30).json == {"output": "done"}
        until(lambda: server.states("calc") == {1: "END"})
        assert worker_processes() == []


def test_an_error_whose_text_cannot_be_encoded_takes_nobody_with_it(server: Managed, tmp_path: Path) -> None:
    write_servable(tmp_path, "bad", 'raise ValueError("\\udcff is no file")')
    server.manager.look()
    [record] = server.manager.wait("bad", lambda records: all(record.settled for record in records))
    assert record.problem is not None
    assert record.problem.what == "ValueError: \\udcff is no file"
    add_version(tmp_path, 2)
    server.manager.look()
    until(lambda: server.answer() == 2.0)


def test_what_cannot_be_published_is_told_and_ends_nothing(
    server: Managed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(server.live, "route", lambda _routes: 1 / 0)
        add_version(tmp_path, 2)
        server.manager.look()
        until(lambda: server.states() == {1: "END", 2: "AVAILABLE"})
    assert "ZeroDivisionError" in capsys.readouterr().err
    add_version(tmp_path, 3)
    server.manager.look()
    until(lambda: server.answer() == 3.0)


def test_labels_reach_versions_that_are_available(server: Managed, tmp_path: Path) -> None:
    (tmp_path / "m" / "salver.toml").write_text("versions = 'all'\nlabels = { stable = 1, canary = 2 }")
    server.manager.look()
    assert dict(server.live.routes.labels) == {"m": {"stable": 1}}
    add_version(tmp_path, 2)
    server.manager.look()
    until(lambda: dict(server.live.routes.labels) == {"m": {"stable": 1, "canary": 2}})
    assert [status.labels for status in server.manager.statuses()] == [("stable",), ("canary",)]


def test_a_wish_may_add_a_version_and_take_one_away(server: Managed, tmp_path: Path) -> None:
    add_version(tmp_path, 2)
    server.manager.look(lambda sources: sources.wish("m", Wish().load(1)))
    until(lambda: server.states() == {1: "AVAILABLE", 2: "AVAILABLE"})
    server.manager.look(lambda sources: sources.wish("m", Wish().unload(2)))
    until(lambda: server.states() == {1: "AVAILABLE", 2: "END"})


def test_whoever_waits_while_the_server_stops_is_told(tmp_path: Path) -> None:
    add_version(tmp_path, 1)
    with managed(Sources(tmp_path)) as server, ThreadPoolExecutor() as pool:
        waiting = pool.submit(server.manager.wait, "m", lambda _records: False)
        server.manager.ask_to_stop()
        with pytest.raises(Unusable, match="the server stops"):
            waiting.result(20)


def test_what_is_loaded_when_the_server_stops_is_ended(tmp_path: Path) -> None:
    add_version(tmp_path, 1)
    with managed(Sources(tmp_path)) as server:
        write_servable(tmp_path, "late", "import time\ntime.sleep(100)\n")
        server.manager.look()
        until(lambda: server.states("late") == {1: "LOADING"})
        until(lambda: len(worker_processes()) == 1)
    assert worker_processes() == []


def test_whatever_goes_wrong_with_one_version_the_others_go_on(
    server: Managed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = table.load

    def load(folder: VersionFolder, host: Host) -> Loaded:
        if folder.version == 2:
            raise ZeroDivisionError("a mistake")
        if folder.version == 3:
            raise FileNotFoundError(2, "No such file", "gone")
        return usual(folder, host)

    monkeypatch.setattr(table, "load", load)
    for version, told in ((2, "for a reason of salver's own"), (3, "cannot be read: No such file")):
        add_version(tmp_path, version)
        server.manager.look()
        records = server.manager.wait("m", lambda found: all(each.settled for each in found if each.wanted))
        assert [told in each.problem.what for each in records if each.wanted and each.problem is not None] == [True]
    assert "ZeroDivisionError: a mistake" in capsys.readouterr().err
    add_version(tmp_path, 4)
    server.manager.look()
    until(lambda: server.answer() == 4.0)
