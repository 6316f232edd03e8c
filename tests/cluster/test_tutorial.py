"""The tutorial of MindSpore Serving r1.2 for master and workers in processes of their own, started in any order."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from mindspore_server.scripts import TUTORIALS, Script, put, put_servable, started
from mindspore_server.scripts import run as run_script
from support.ports import free_port
from support.waiting import until

from mindspore_serving import master, worker
from mindspore_serving.client import Client

HERE = Path(__file__).parent / "tutorials"
MASTER = "Serving master start success, listening on "
WORKER = "Serving worker start success, servable add, version 1, master "
NOT_AVAILABLE = {"error": "Request servable(add) method(add_common) , servable is not available"}
SUMS = (
    "[{'y': array([[2., 2.],\n       [2., 2.]], dtype=float32)}, "
    "{'y': array([[4., 4.],\n       [4., 4.]], dtype=float32)}, "
    "{'y': array([[6., 6.],\n       [6., 6.]], dtype=float32)}]\n"
    "[{'y': array([[2., 2.],\n       [2., 2.]], dtype=float32)}]\n"
)


class Place:
    """A folder with the servable `add` and the tutorial's scripts, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, self.gate = free_port(), free_port()
        self._folder = folder
        put_servable("add", folder, TUTORIALS / "r1.2" / "servable_config.py")
        self._master = put(HERE / "master.py", folder, {"5500": str(self.port), "6500": str(self.gate)})
        self._worker = put(HERE / "worker.py", folder, {"6500": str(self.gate)})
        self._client = put(TUTORIALS / "r1.2" / "client.py", folder, {"5500": str(self.port)})

    @contextmanager
    def master(self) -> Iterator[Script]:
        with started(self._master, wait_for=f"{MASTER}127.0.0.1:{self.gate}") as script:
            yield script

    @contextmanager
    def worker(self) -> Iterator[Script]:
        with started(self._worker, wait_for=f"{WORKER}127.0.0.1:{self.gate}") as script:
            yield script

    def ask(self) -> object:
        """What a client gets."""
        ones = np.ones((2, 2), np.float32)
        return Client("localhost", self.port, "add", "add_common").infer({"x1": ones, "x2": ones})

    def run_client(self) -> str:
        return run_script(self._client)

    def is_served(self) -> bool:
        return isinstance(self.ask(), list)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_master_is_first_and_nothing_is_available_until_a_worker_is_there(place: Place) -> None:
    with place.master():
        assert place.ask() == NOT_AVAILABLE
        with place.worker():
            until(place.is_served)
            assert place.run_client() == SUMS
        assert place.ask() == NOT_AVAILABLE


def test_the_workers_are_first_and_share_the_calls(place: Place) -> None:
    with place.worker() as one, place.worker() as other:
        one.wait_for("salver: add/1 worker 0 waits for the server")
        with place.master() as script:
            until(lambda: "has joined, 2 now" in script.output)
            assert place.run_client() == SUMS
            other.close()
            assert place.run_client() == SUMS


def test_a_master_that_starts_again_is_joined_again(place: Place) -> None:
    with place.worker():
        with place.master() as script:
            until(place.is_served)
            script.process.kill()
        with place.master():
            until(place.is_served)


def test_ctrl_c_ends_each_of_them_in_order(place: Place) -> None:
    with place.master() as script, place.worker() as one:
        until(place.is_served)
        one.signal(signal.SIGINT)
        assert one.wait(20) == 0
        script.signal(signal.SIGINT)
        assert script.wait(20) == 0


def test_a_servable_that_cannot_start_ends_the_worker(place: Place, tmp_path: Path) -> None:
    (tmp_path / "add" / "servable_config.py").write_text("1 / 0\n")
    with started(tmp_path / "worker.py", wait_for="RuntimeError: Fail to start workers: ") as script:
        assert "{servable name:add, device id:0, <import add.servable_config failed, division by zero" in script.output
        assert script.wait(20) == 1


def test_a_worker_ends_when_its_script_says_so(place: Place, tmp_path: Path) -> None:
    script = tmp_path / "stopping.py"
    script.write_text((tmp_path / "worker.py").read_text() + "    worker.stop()\n    print('stopped')\n")
    with place.master(), started(script, wait_for="stopped") as stopping:
        assert stopping.wait(20) == 0


BOTH = """
import numpy as np
from mindspore_serving import master, worker
from mindspore_serving.client import Client

ones = np.ones((2, 2), np.float32)
client = Client("localhost", {port}, "add", "add_common")
for _ in range(3):
    master.start_master_server(master_port={gate})
    master.start_grpc_server("127.0.0.1", {port})
    worker.start_servable(".", "add", master_port={gate})
    print(client.infer({{"x1": ones, "x2": ones}})[0]["y"].tolist())
    worker.stop()
"""


def test_both_may_be_in_one_process_where_the_servable_is_called_at_once(place: Place, tmp_path: Path) -> None:
    script = tmp_path / "both.py"
    script.write_text(BOTH.format(port=place.port, gate=place.gate))
    printed = run_script(script)
    assert printed.count("[[2.0, 2.0], [2.0, 2.0]]\n") == 3, printed


DIRECTORY = ("models", "add")


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (
            lambda: master.start_master_server("127.0.0.1", 0),
            "Parameter 'master_port' should be in range \\[1,65535\\]",
        ),
        (lambda: master.start_master_server("", 6500), "Parameter 'ip' should not be empty str"),
        (lambda: master.start_master_server("0.0.0.0", 6500), "an address with TLS needs a certificate"),
        (lambda: worker.start_servable(*DIRECTORY, master_port=65536), "Parameter 'master_port' should be in range"),
        (lambda: worker.start_servable(*DIRECTORY, worker_port=0), "Parameter 'worker_port' should be in range"),
        (lambda: worker.start_servable(*DIRECTORY, worker_ip=""), "Parameter 'worker_ip' should not be empty str"),
        (lambda: worker.start_servable(*DIRECTORY, master_ip=7), "Parameter 'master_ip' should be str"),
        (lambda: worker.start_servable(*DIRECTORY, device_id="0"), "device_ids"),
        (lambda: worker.start_servable(*DIRECTORY, master_ip="10.1.2.3"), "needs this worker's certificate"),
        (lambda: worker.start_servable(*DIRECTORY), "Check servable config failed, directory '.*add' not exist"),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    start: Callable[[], None], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match=told):
        start()
