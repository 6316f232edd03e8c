"""Masters and workers on one host, as processes: who comes and goes, and what callers see of it."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from support.http import get, post
from support.ports import free_port
from support.servables import write_servable
from support.waiting import until

from cluster.held import Held, held
from cluster.processes import Salver, joined, master, worker

NOT_READY = "UNAVAILABLE"


def process(server: Salver) -> int:
    """Which worker answers, once one does."""
    reply = until(lambda: (found := server.call("calc/process", text="")).get("output") and found)
    return int(reply["output"])


def code(server: Salver, method: str = "calc/double", **inputs: Any) -> str:
    """The code of the error that a call gets."""
    return str(server.call(method, **(inputs or {"x": 1})).get("code"))


def test_a_worker_that_is_first_joins_when_its_server_is_there(servables: Path) -> None:
    gate = f"127.0.0.1:{free_port()}"
    with worker(servables, "calc", gate) as first:
        first.say(f"waits for the server at {gate}, which cannot be reached: Connection refused")
        with master(gate=gate) as server:
            joined(first)
            assert first.output.count("cannot be reached") == 1
            assert server.call("calc/double", x=21) == {"output": 42}


def test_whatever_a_servable_is_made_of_the_worker_runs_all_of_it(servables: Path) -> None:
    with (
        master() as server,
        worker(servables, "chain", server.gate) as chain,
        worker(servables, "scaled", server.gate) as scaled,
    ):
        joined(chain)
        joined(scaled)
        assert server.call("chain/classify", text="1 2") == {"output": "[3.0, 6.0]"}
        assert server.call("scaled/predict", x=[1, 2]) == {"y": [2.0, 4.0]}


def test_nobody_knows_a_servable_that_no_worker_has_brought_and_one_that_is_gone_is_not_ready(servables: Path) -> None:
    with master() as server:
        assert code(server) == "NOT_FOUND"
        with worker(servables, "calc", server.gate) as only:
            joined(only)
            assert server.call("calc/double", x=1) == {"output": 2}
        assert code(server) == NOT_READY
        with worker(servables, "calc", server.gate) as another:
            joined(another)
            assert server.call("calc/double", x=1) == {"output": 2}


def test_health_and_states_say_so_when_all_workers_are_gone(servables: Path) -> None:
    with master() as server:

        def ready() -> list[int]:
            return [get(server.address, path).status for path in ("/v2/health/ready", "/v2/models/calc/ready")]

        with worker(servables, "calc", server.gate) as only:
            joined(only)
            assert ready() == [200, 200]
        assert ready() == [400, 400]
        [state] = post(server.address, "/v2/repository/index", {}).json
        assert state["state"] == "UNAVAILABLE"
        assert state["reason"] == "all workers that ran it are gone; it answers again when one is back"
        with worker(servables, "calc", server.gate) as another:
            joined(another)
            assert ready() == [200, 200]


def test_a_server_with_an_empty_folder_waits_for_workers_too(servables: Path, tmp_path: Path) -> None:
    with master(str(tmp_path)) as server, worker(servables, "calc", server.gate) as only:
        joined(only)
        assert server.call("calc/double", x=1) == {"output": 2}


def test_workers_of_one_servable_share_its_calls(servables: Path, tmp_path: Path) -> None:
    with master() as server, worker(servables, "calc", server.gate, "--workers", "2") as workers:
        joined(workers, 2)
        with worker(servables, "calc", server.gate) as third:
            joined(third)
            begun: list[int] = []
            calls = []
            for index in range(3):
                (folder := tmp_path / str(index)).mkdir()
                calls.append(Held(folder, lambda text: server.call("calc/hold", text=text)))
                begun += calls[-1].runs()
            assert len(set(begun)) == 3
            for call in calls:
                call.let_go()
            assert [call.end()["output"] for call in calls] == list(map(str, begun))


def test_a_worker_that_is_killed_takes_its_calls_with_it_and_comes_back(servables: Path, tmp_path: Path) -> None:
    with master() as server, worker(servables, "calc", server.gate) as only:
        joined(only)
        with held(tmp_path, lambda text: server.call("calc/hold", text=text)) as call:
            [victim] = call.runs()
            os.kill(victim, signal.SIGKILL)
            assert call.end()["code"] == "UNAVAILABLE"
        only.say("calc/1 worker 0 was ended by SIGKILL; it is started again in 0.1 s")
        joined(only, 2)
        assert process(server) != victim


def test_a_call_for_mindspore_serving_is_run_once_more_by_another_worker(servables: Path, tmp_path: Path) -> None:
    with master() as server, worker(servables, "ms", server.gate, "--workers", "2") as workers:
        joined(workers, 2)
        with held(tmp_path, lambda text: server.call("ms/hold", text=text)) as call:
            [victim] = call.runs()
            os.kill(victim, signal.SIGKILL)
            second = call.runs(2)[1]
            call.let_go()
            assert call.end() == {"y": str(second)}


def test_a_worker_that_is_told_to_stop_finishes_what_it_runs(servables: Path, tmp_path: Path) -> None:
    with master() as server, worker(servables, "calc", server.gate) as only:
        joined(only)
        with held(tmp_path, lambda text: server.call("calc/hold", text=text)) as call:
            [number] = call.runs()
            only.signal(signal.SIGTERM)
            only.say("stopping: batches in hand are finished")
            call.let_go()
            assert call.end() == {"output": str(number)}
        assert only.wait(20) == 0
        server.say(" has left, 0 now")


def test_calls_that_wait_for_a_worker_that_leaves_go_to_another(servables: Path, tmp_path: Path) -> None:
    with master() as server, worker(servables, "calc", server.gate) as first:
        joined(first)
        with held(tmp_path, lambda text: server.call("calc/hold", text=text)) as call:
            call.runs()
            replies: list[Any] = []
            waiting = [
                threading.Thread(target=lambda: replies.append(server.call("calc/double", x=1))) for _ in range(20)
            ]
            for thread in waiting:
                thread.start()
            with worker(servables, "calc", server.gate) as second:
                joined(second)
                first.signal(signal.SIGTERM)
                first.say("stopping")
                call.let_go()
                for thread in waiting:
                    thread.join(30)
        assert replies == [{"output": 2}] * 20


def test_a_server_that_starts_again_is_joined_again(servables: Path) -> None:
    listen, gate = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with worker(servables, "calc", gate) as only:
        with master(listen=listen, gate=gate) as server:
            joined(only)
            before = process(server)
            server.process.kill()
            only.say(f"has lost the server at {gate}")
        with master(listen=listen, gate=gate) as server:
            joined(only, 2)
            # It was not loaded again.
            assert process(server) == before


def test_a_server_that_stops_answers_what_it_has_accepted(servables: Path, tmp_path: Path) -> None:
    with master() as server, worker(servables, "calc", server.gate) as only:
        joined(only)
        with held(tmp_path, lambda text: server.call("calc/hold", text=text)) as call:
            [number] = call.runs()
            server.signal(signal.SIGTERM)
            server.say("stopping: 1 call in flight")
            call.let_go()
            assert call.end() == {"output": str(number)}
        assert server.wait(20) == 0
        only.say("has lost the server")


def test_another_servable_of_the_same_version_is_refused_until_the_first_is_gone(
    servables: Path, tmp_path: Path
) -> None:
    write_servable(
        tmp_path, "calc", "import salver\n\n\n@salver.function\ndef triple(x: int) -> int:\n    return x * 3\n"
    )
    with master() as server, worker(tmp_path, "calc", server.gate) as other:
        joined(other)
        with worker(servables, "calc", server.gate) as late:
            late.say("which refuses it: version 1 of 'calc' is another servable for the workers that run it already")
            server.say("a worker of 127.0.0.1 is refused: version 1 of 'calc' is another servable")
            assert server.call("calc/triple", x=2) == {"output": 6}
            other.close()
            joined(late)
            assert server.call("calc/double", x=2) == {"output": 4}


def test_what_the_server_itself_serves_no_worker_may_bring(servables: Path, tmp_path: Path) -> None:
    write_servable(
        tmp_path, "calc", "import salver\n\n\n@salver.function\ndef triple(x: int) -> int:\n    return x * 3\n"
    )
    with master(str(tmp_path)) as server, worker(servables, "calc", server.gate) as late:
        late.say("which refuses it: the server itself serves version 1 of 'calc'")
        assert server.call("calc/triple", x=2) == {"output": 6}


def test_versions_are_chosen_and_one_without_workers_gives_way_to_another(tmp_path: Path) -> None:
    folder = write_servable(
        tmp_path, "calc", "import salver\n\n\n@salver.function\ndef answer(x: int) -> int:\n    return x\n"
    )
    for version in ("1", "2"):
        (folder / version).mkdir()
    with master() as server, worker(tmp_path, "calc", server.gate, "--version", "1") as older:
        joined(older)
        with worker(tmp_path, "calc", server.gate) as newer:
            joined(newer)
            assert server.call("calc/versions/2/answer", x=1) == {"output": 1}
            newer.close()
        server.say("calc/2 worker of 127.0.0.1")
        until(lambda: server.call("calc/answer", x=1) == {"output": 1})


def test_a_batch_that_takes_too_long_costs_the_worker_its_process(tmp_path: Path) -> None:
    write_servable(tmp_path, "calc", _SLEEPS, "run_timeout_s = 1\n")
    with master() as server, worker(tmp_path, "calc", server.gate) as only:
        joined(only)
        assert code(server, "calc/sleep", x=60) == "UNAVAILABLE"
        only.say("was dropped by its server: a batch ran for more than 1 s (run_timeout)")
        joined(only, 2)
        assert until(lambda: server.call("calc/sleep", x=0)) == {"output": 0}


_SLEEPS = """
import time
import salver


@salver.stage
def nap(x: int) -> int:
    time.sleep(x)
    return x


@salver.method
def sleep(x: int) -> int:
    return nap(x)
"""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{folder}", "nobody"], "holds no 'nobody'"),
        (["{folder}", "calc", "--version", "7"], "version 7 is to be served, but there is no such folder"),
        (["gone", "calc"], "there is no such folder"),
    ],
)
def test_what_is_not_there_ends_the_worker_with_a_remedy(servables: Path, arguments: list[str], told: str) -> None:
    command = [text.format(folder=servables) for text in arguments]
    process = Salver("worker", *command, "--join", "127.0.0.1:1")
    assert process.wait(30) == 2
    process.close()
    assert told in process.output
    assert "remedy: " in process.output
