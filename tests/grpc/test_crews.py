"""Worker processes of a gRPC server that take their time, or all of it."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from support.conformance_pb2_grpc import add_ConformanceServicer_to_server
from support.conformance_workers import Hanging
from support.paths import ROOT
from support.printed import printing
from support.waiting import until
from workers.processes import workers as worker_processes

import salver
from salver import grpc as own
from salver.grpc.crews import Crew
from salver.grpc.recipes import Plan, Recipe
from salver.workers.backoff import Backoff
from salver.workers.orders import Patience


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]))


@contextmanager
def crew(while_there: Path, patience: Patience) -> Iterator[Crew]:
    """One worker, whose servicer is not made as long as the file is there."""
    plan = Plan(1, 1, False, (), None, None)
    recipe = Recipe(plan, [(Hanging, (while_there,), {})], [("/a.B/Unary", 0, "Unary", (False, False, None, None))])
    made = Crew(recipe, patience)
    try:
        yield made
    finally:
        made.stop()


def test_a_servicer_that_is_made_for_too_long_is_mentioned_and_then_ended(tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    hangs.touch()
    with printing() as printed, crew(hangs, Patience(load_s=0.3, mention_s=0.1)) as made:
        with pytest.raises(RuntimeError, match=r"worker 0: was still starting after 0\.3 s\n  remedy: see what it"):
            made.start()
        until(lambda: printed.count(r"salver: worker 0 is still starting after 0\.[12] s") == 2)
        assert worker_processes() == []


def test_a_start_that_nobody_waits_for_any_more_leaves_no_worker(tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    hangs.touch()

    async def attempt() -> None:
        server = own.aio.server(workers=1)
        add_ConformanceServicer_to_server(salver.per_worker(Hanging, hangs), server)  # type: ignore[no-untyped-call]
        starting = asyncio.create_task(server.start())
        await asyncio.to_thread(until, worker_processes)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert worker_processes() == []
        assert await server.wait_for_termination(20) is False
        with pytest.raises(grpc.aio.UsageError, match="not in ready state"):
            await server.start()

    asyncio.run(attempt())


def test_one_that_hangs_when_it_is_started_again_is_ended_and_tried_for_ever(tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    with printing() as printed, crew(hangs, Patience(load_s=6.0, backoff=Backoff(0.001, 0.002))) as made:
        made.start()
        hangs.touch()
        os.kill(worker_processes()[0], signal.SIGKILL)
        until(lambda: printed.count(r"salver: worker 0: was still starting after 6 s") == 1)
        hangs.unlink()
        until(lambda: printed.count(r"salver: worker 0 serves again") == 1)
