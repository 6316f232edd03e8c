"""Workers are killed, one after the other, while many call."""

import os
import random
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from support.http import post
from support.waiting import until
from workers.processes import ended

from salver.client.api import Client
from salver.client.errors import SalverError, Unavailable
from salver.testing.server import running


class Callers:
    """Threads that call until they are told to stop, and count what they are told."""

    def __init__(self, calls: list[Callable[[int], str]]) -> None:
        self.told: Counter[str] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(call,)) for call in calls]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a call was never answered"

    def _run(self, call: Callable[[int], str]) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            told = call(number)
            self.told[told] += 1


def over_http(address: str, servable: str, number: int) -> str:
    reply = post(address, f"/servables/{servable}/double", [{"x": number}, {"x": -number}])
    if reply.status == 200 and reply.json == [{"output": 2 * number}, {"output": -2 * number}]:
        return f"{servable} right"
    rows = reply.json if isinstance(reply.json, list) else [reply.json]
    return f"{servable} {','.join(sorted({row['error']['code'] for row in rows if 'error' in row}))}"


def over_grpc(client: Client, servable: str, number: int) -> str:
    try:
        output = client.infer(servable, {"x": [number]}, method="double", timeout=25)["output"]
    except Unavailable:
        return f"{servable} UNAVAILABLE"
    except SalverError as error:
        return f"{servable} {error}"
    return f"{servable} {'right' if output.tolist() == [2 * number] else 'wrong'}"


def held(process: int) -> dict[str, int]:
    """What a process holds."""
    status = Path(f"/proc/{process}/status").read_text()
    return {
        "descriptors": len(list(Path(f"/proc/{process}/fd").iterdir())),
        "threads": len(list(Path(f"/proc/{process}/task").iterdir())),
        "maps": Path(f"/proc/{process}/maps").read_text().count("salver-"),
        "MiB": int(status.split("VmRSS:")[1].split()[0]) // 1024,
    }


def test_every_call_is_answered_once_while_workers_are_killed(tmp_path: Path) -> None:
    for name in ("calm", "victim"):
        shutil.copytree(Path(__file__).parent / "faults" / "calm", tmp_path / name)
    (tmp_path / "victim" / "salver.toml").write_text("workers = 2")
    chance = random.Random(4)
    with running(tmp_path) as server, Client(server.address) as client:
        address = server.address
        calls = [
            partial(call, servable)
            for call in (partial(over_http, address), partial(over_grpc, client))
            for servable in ("victim",) * 6 + ("calm",) * 2
        ]
        held_before, neighbour = held(server.process.pid), two(address, "calm")
        callers = Callers(calls)
        try:
            for _ in range(5):
                pair = until(lambda: processes(address))
                for process in pair:
                    before = callers.told.total()
                    until(lambda b=before: callers.told.total() > b + chance.randrange(100))
                    os.kill(process, signal.SIGKILL)
                    until(lambda p=process: ended(p))
        finally:
            callers.stop()
        assert set(callers.told) <= {"calm right", "victim right", "victim UNAVAILABLE"}, callers.told
        assert min(callers.told["calm right"], callers.told["victim right"]) > 100
        assert two(address, "calm") == neighbour
        until(lambda: processes(address))
        until(lambda: server.output.count("was ended by SIGKILL") == 10)
        after = until(lambda: flat(held_before, held(server.process.pid)))
        assert after["MiB"] < held_before["MiB"] + 60


def flat(before: dict[str, int], now: dict[str, int]) -> dict[str, int] | None:
    """What is held now, if it is no more than before but for a few connections and memory."""
    same = now["maps"] == before["maps"] and now["threads"] <= before["threads"] + 2
    return now if same and now["descriptors"] <= before["descriptors"] + 5 else None


def two(address: str, servable: str) -> int:
    process: int = post(address, f"/servables/{servable}/worker", {"text": "?"}).json["output"]
    return process


def processes(address: str) -> set[int] | None:
    """Both workers, if they answer now."""
    replies = [post(address, "/servables/victim/worker", [{"text": "?"}] * 8) for _ in range(20)]
    found = {row["output"] for reply in replies if reply.status == 200 for row in reply.json if "output" in row}
    alive = {process for process in found if not ended(process)}
    return alive if len(alive) == 2 else None
