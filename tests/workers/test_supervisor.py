"""Real workers under a real supervisor; what callers see of it is tested from end to end."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.paths import ROOT
from support.printed import printing
from support.waiting import until
from workers.processes import ended
from workers.processes import workers as worker_processes
from workers.starting import orders

from salver import _native
from salver.problems import Problem, Unusable
from salver.workers.backoff import Backoff
from salver.workers.orders import Orders, Patience
from salver.workers.post import died
from salver.workers.supervisor import Supervisor, Team

AT_ONCE = Backoff(first_s=0.0, longest_s=0.0)


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))


@contextmanager
def supervising(patience: Patience | None = None) -> Iterator[Supervisor]:
    supervisor = Supervisor(patience)
    try:
        yield supervisor
    finally:
        supervisor.stop()


@contextmanager
def serving(wanted: Orders, workers: int = 1, patience: Patience | None = None) -> Iterator[Team]:
    """A version at work."""
    with supervising(patience) as supervisor:
        team = supervisor.team(wanted)
        version = _native.Version(team.open().servable.to_json())
        team.serve(version, workers, 60.0)
        yield team
        team.retire()
        version.end()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_workers_are_warm_before_they_serve_and_closed_when_they_end(tmp_path: Path) -> None:
    with printing() as printed, serving(orders("double", tmp_path / "servable.py"), workers=2):
        until(lambda: printed.count(r"\[double/1 worker [01]\] loading servable.py") == 2)
        until(lambda: printed.count(r"\[double/1 worker [01]\] warming up") == 2)
        assert len(worker_processes()) == 2
    assert printed.count(r"\[double/1 worker [01]\] closing") == 2
    assert worker_processes() == []


@pytest.mark.parametrize(
    ("function", "where", "what"),
    [
        ("refuses", "servable.py:3", "is not as it should be"),
        ("fails", "servable.py:4", "ZeroDivisionError"),
        ("dies", "servable.py", "its worker ended with status 7 before it served"),
    ],
)
def test_a_worker_that_cannot_load_is_a_problem_with_its_reason(
    tmp_path: Path, function: str, where: str, what: str
) -> None:
    with supervising() as supervisor:
        with pytest.raises(Unusable) as refused:
            supervisor.team(orders(function, tmp_path / "servable.py")).open()
        assert refused.value.problem.where == str(tmp_path / where)
        assert what in refused.value.problem.what
        assert died(refused.value.problem) is (function == "dies")
        assert worker_processes() == []


def test_a_death_is_no_matter_of_words() -> None:
    assert not died(Problem("servable.py:3", "ValueError: the soup was cold before it served", "mend it"))


@pytest.mark.parametrize(
    ("function", "workers", "what"),
    [
        ("warm_up_fails", 1, "ValueError: it is too cold"),
        ("differs", 2, "is now another servable than the one that runs: its lanes, models or settings differ"),
    ],
)
def test_a_version_whose_workers_cannot_all_begin_does_not_begin(
    tmp_path: Path, function: str, workers: int, what: str
) -> None:
    with pytest.raises(Unusable) as refused, serving(orders(function, tmp_path / "servable.py"), workers):
        pass
    assert what in refused.value.problem.what
    assert worker_processes() == []


def test_one_that_loads_for_too_long_is_mentioned_and_then_ended(tmp_path: Path) -> None:
    with printing() as printed, supervising(Patience(load_s=0.3, mention_s=0.1)) as supervisor:
        with pytest.raises(Unusable, match=r"its worker was still loading after 0\.3 s"):
            supervisor.team(orders("hangs", tmp_path / "servable.py")).open()
        until(lambda: printed.count(r"salver: double/1 worker 0 is still loading after 0\.[12] s") == 2)
        assert worker_processes() == []


def test_a_servable_without_lanes_keeps_no_worker(tmp_path: Path) -> None:
    with printing() as printed, serving(orders("without_lanes", tmp_path / "servable.py")):
        assert worker_processes() == []
    assert printed.count(r"\[double/1 worker 0\] closing") == 1


def test_a_worker_that_ends_is_back_soon_and_one_line_says_so(tmp_path: Path) -> None:
    with printing() as printed, serving(orders("double", tmp_path / "servable.py"), workers=2):
        victim = worker_processes()[0]
        os.kill(victim, signal.SIGKILL)
        told = r"salver: double/1 worker [01] was ended by SIGKILL; it is started again in 0\.1 s"
        until(lambda: printed.count(told) == 1)
        until(lambda: printed.count(r"salver: double/1 worker [01] serves again") == 1)
        assert len(worker_processes()) == 2
        assert victim not in worker_processes()


def test_one_that_cannot_load_again_is_tried_for_ever(tmp_path: Path) -> None:
    file = tmp_path / "servable.py"
    file.touch()
    restless = Patience(backoff=Backoff(0.001, 0.002))
    with printing() as printed, serving(orders("dies_at_second_start", file), patience=restless):
        os.kill(worker_processes()[0], signal.SIGKILL)
        until(lambda: printed.count(r"salver: .*servable.py: its worker ended with status 9 before it served") > 3)
        assert printed.count(r"salver: double/1 worker 0 could not be loaded again; .* again in 0\.002 s") > 1


def test_the_children_of_a_worker_end_with_it(tmp_path: Path) -> None:
    with serving(orders("forks", tmp_path / "servable.py")):
        [worker] = worker_processes()
        [grandchild] = map(int, Path(f"/proc/{worker}/task/{worker}/children").read_text().split())
        os.kill(worker, signal.SIGKILL)
        until(lambda: ended(grandchild))


@pytest.mark.timeout(180)
def test_nothing_leaks_over_many_restarts(tmp_path: Path) -> None:
    file = tmp_path / "servable.py"
    with printing() as printed, serving(orders("double", file, lanes=2), patience=Patience(backoff=AT_ONCE)):
        until(lambda: printed.count(r"\[double/1 worker 0\] warming up") == 1)
        files, threads = open_files(), threading.active_count()
        for count in range(1, 16):
            os.kill(worker_processes()[0], signal.SIGKILL)
            until(lambda count=count: printed.count("salver: double/1 worker 0 serves again") == count)  # type: ignore[misc]
        until(lambda: open_files() <= files and threading.active_count() <= threads)
    with supervising() as supervisor:
        before = open_files()
        for _ in range(10):
            with pytest.raises(Unusable):
                supervisor.team(orders("dies", file)).open()
        until(lambda: open_files() <= before)


def test_stopping_ends_those_that_still_load(tmp_path: Path) -> None:
    supervisor = Supervisor()
    refused: list[Unusable] = []

    def load() -> None:
        try:
            supervisor.team(orders("hangs", tmp_path / "servable.py")).open()
        except Unusable as error:
            refused.append(error)

    loading = threading.Thread(target=load)
    with printing() as printed:
        loading.start()
        until(lambda: printed.count(r"\[double/1 worker 0\] hanging") == 1)
        supervisor.stop()
        loading.join(20)
    assert "while the server stops" in str(refused[0])
    assert worker_processes() == []


@pytest.mark.parametrize(("function", "told"), [("hangs", "hanging"), ("warms_for_ever", "warming for ever")])
def test_those_of_one_version_may_be_given_up_while_they_load(tmp_path: Path, function: str, told: str) -> None:
    refused: list[Unusable] = []

    def load(team: Team) -> None:
        try:
            manifest = team.open()
            team.serve(_native.Version(manifest.servable.to_json()), 2, 60.0)
        except Unusable as error:
            refused.append(error)
            team.close()

    with printing() as printed, serving(orders("double", tmp_path / "servable.py")) as other:
        before = worker_processes()
        team = other._supervisor.team(orders(function, tmp_path / "servable.py"))
        loading = threading.Thread(target=load, args=(team,))
        loading.start()
        until(lambda: printed.count(rf"\[double/1 worker [01]\] {told}") > 0)
        team.give_up()
        loading.join(20)
        assert "were given up" in str(refused[0])
        assert worker_processes() == before
        with pytest.raises(Unusable, match="were given up"):
            team.open()


def test_in_process_the_same_is_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests"))
    with printing() as printed, serving(orders("double", tmp_path / "servable.py", in_process=True)):
        assert worker_processes() == []
        assert "double/1 worker 0" in {thread.name for thread in threading.enumerate()}
    until(lambda: "double/1 worker 0" not in {thread.name for thread in threading.enumerate()})
    assert printed.count("closing") == 1
