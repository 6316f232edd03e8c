"""Servers and workers with a way between them that is not what it should be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.held import held
from cluster.processes import Salver, joined, master, worker
from cluster.proxy import Proxy, proxy


@pytest.fixture
def server() -> Iterator[Salver]:
    with master() as made:
        yield made


@pytest.fixture
def way(server: Salver) -> Iterator[Proxy]:
    with proxy(server.gate) as made:
        yield made


def test_a_cut_costs_the_calls_that_run_and_nothing_else(
    servables: Path, tmp_path: Path, server: Salver, way: Proxy
) -> None:
    with worker(servables, "calc", way.address) as only:
        joined(only)
        with held(tmp_path, lambda text: server.call("calc/hold", text=text)) as call:
            call.runs()
            way.tell(way.cut)
            assert call.end()["code"] == "UNAVAILABLE"
        joined(only, 2)
        assert server.call("calc/double", x=1) == {"output": 2}


def test_one_lane_that_is_cut_off_is_soon_back(servables: Path, server: Salver, way: Proxy) -> None:
    with worker(servables, "calc", way.address) as only:
        joined(only)
        way.tell(way.cut_last)
        joined(only, 2)
        assert server.call("calc/double", x=1) == {"output": 2}


def test_a_host_that_vanishes_is_noticed_by_its_silence(
    servables: Path, tmp_path: Path, server: Salver, way: Proxy
) -> None:
    with worker(servables, "calc", way.address) as only:
        joined(only)
        with held(tmp_path, lambda text: server.call("calc/hold", text=text)) as call:
            call.runs()
            way.tell(way.silence)
            assert call.end()["code"] == "UNAVAILABLE"
            server.say("is gone: it was silent for 1 s, 0 now")
            only.say(f"has lost the server at {way.address}: it was silent for 1 s")
        way.tell(way.flow)
        joined(only, 2)
        assert server.call("calc/double", x=1) == {"output": 2}


def test_calls_of_a_worker_that_vanished_go_to_another_for_mindspore_serving(
    servables: Path, tmp_path: Path, server: Salver, way: Proxy
) -> None:
    with worker(servables, "ms", way.address) as far:
        joined(far)
        with held(tmp_path, lambda text: server.call("ms/hold", text=text)) as call:
            call.runs()
            with worker(servables, "ms", server.gate) as near:
                joined(near)
                way.tell(way.silence)
                second = call.runs(2)[1]
                call.let_go()
                assert call.end() == {"y": str(second)}
            way.tell(way.flow)


def test_a_long_way_is_only_long(servables: Path, server: Salver, way: Proxy) -> None:
    way.delay_s = 0.1
    with worker(servables, "chain", way.address) as only:
        joined(only)
        for _ in range(5):
            assert server.call("chain/classify", text="1 2") == {"output": "[3.0, 6.0]"}
        assert "has lost" not in only.output


def test_a_narrow_way_is_only_slow(servables: Path, server: Salver, way: Proxy) -> None:
    way.bytes_per_s = 1024**2
    with worker(servables, "calc", way.address) as only:
        joined(only)
        text = "x" * 2 * 1024**2
        assert server.call("calc/process", text=text)["output"].isdecimal()
        assert way.carried > len(text)
        assert "has lost" not in only.output
