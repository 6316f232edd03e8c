"""Master and worker on two hosts, as far as one machine has them: in network namespaces of their own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from mindspore_server.scripts import TUTORIALS, Script, put_servable, started
from support.waiting import until

from cluster.credentials import TOKEN, of_server, of_worker
from cluster.processes import ON_HOST, Salver, joined, running
from mindspore_serving.client import Client as MindsporeClient
from salver.client.api import Client
from salver.client.errors import Unavailable

MASTER, WORKER = "10.123.45.1", "10.123.45.2"


def ip(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *command.split()], capture_output=True, text=True, timeout=20, check=False)


class Hosts:
    """Two namespaces with a cable between them."""

    def __init__(self) -> None:
        self.master, self.worker = (f"salver-{who}-{os.getpid()}" for who in ("m", "w"))
        self._cable = [f"sv{end}{os.getpid() % 10**8}" for end in "mw"]

    def make(self) -> str:
        """Nothing, or why it cannot be made."""
        one, other = self._cable
        commands = [
            f"netns add {self.master}",
            f"netns add {self.worker}",
            f"link add {one} netns {self.master} type veth peer name {other} netns {self.worker}",
            f"-n {self.master} addr add {MASTER}/24 dev {one}",
            f"-n {self.worker} addr add {WORKER}/24 dev {other}",
            f"-n {self.master} link set {one} up",
            f"-n {self.worker} link set {other} up",
        ]
        for command in commands:
            done = ip(command)
            if done.returncode:
                return f"`ip {command}`: {done.stderr.strip()}"
        return ""

    def plug(self, state: str) -> None:
        assert ip(f"-n {self.worker} link set {self._cable[1]} {state}").returncode == 0

    def remove(self) -> None:
        for name in (self.master, self.worker):
            ip(f"netns delete {name}")


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    try:
        if why := made.make():
            pytest.skip(f"no network namespaces can be made here: {why}")
        yield made
    finally:
        made.remove()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """As those of the examples, but the server's is for its address."""
    (tmp_path / "names").write_text(f"subjectAltName=IP:{MASTER}")
    request = "openssl req -newkey rsa:2048 -nodes -subj /CN={0} -keyout {0}.key -out {0}.csr"
    sign = "openssl x509 -req -in {0}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {0}.crt -days 9"
    commands = [
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -days 9 -keyout ca.key -out ca.crt",
        request.format("server"),
        sign.format("server") + " -extfile names",
        request.format("client"),
        sign.format("client"),
    ]
    for command in commands:
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True, timeout=50)
    return tmp_path


@contextmanager
def on(host: str, ready: str, *arguments: str) -> Iterator[Salver]:
    """A `salver` command in a namespace."""
    with running(Salver(*arguments, host=host, SALVER_WORKER_TOKEN=TOKEN), ready) as process:
        yield process


def test_a_worker_of_another_host_serves_and_is_missed_when_its_cable_is_pulled(
    hosts: Hosts, servables: Path, certificates: Path, tmp_path: Path
) -> None:
    socket = f"unix:{tmp_path / 's'}"
    gate = f"mtls:{MASTER}:8600"
    serve = ("serve", "--listen", socket, "--accept-workers", gate, *of_server(certificates))
    join = ("worker", str(servables), "calc", "--join", gate, *of_worker(certificates))

    def doubled() -> bool:
        try:
            return bool(client.infer("calc", {"x": np.array([4])}, method="double")["output"] == [8])
        except Unavailable:
            return False

    with on(hosts.worker, "ready for the server at", *join) as worker:
        worker.say("waits for the server")
        with on(hosts.master, "ready after", *serve) as master, Client(socket) as client:
            joined(worker)
            assert doubled()
            hosts.plug("down")
            master.say("it was silent for 1 s, 0 now")
            assert not doubled()
            worker.say("has lost the server")
            hosts.plug("up")
            joined(worker, 2)
            until(doubled)


OF_MASTER = """
from mindspore_serving import master, server

server.start_grpc_server("unix:{socket}")
master.start_master_server("{MASTER}", 8600)
"""
OF_WORKER = """
from mindspore_serving import worker

worker.start_servable("{folder}", "add", master_ip="{MASTER}", master_port=8600, worker_ip="{WORKER}", worker_port=6600)
"""


def variables(certificates: Path, who: str, authority: str) -> dict[str, str]:
    files = {"CERTIFICATE": f"{who}.crt", "KEY": f"{who}.key", authority: "ca.crt"}
    named = {f"SALVER_TLS_{name}": str(certificates / file) for name, file in files.items()}
    return {**named, "SALVER_WORKER_TOKEN": TOKEN}


def test_so_does_one_of_mindspore_serving_by_what_its_environment_says(
    hosts: Hosts, certificates: Path, tmp_path: Path
) -> None:
    put_servable("add", tmp_path, TUTORIALS / "r1.2" / "servable_config.py")
    socket, texts = tmp_path / "s", {"master.py": OF_MASTER, "worker.py": OF_WORKER}
    for name, text in texts.items():
        (tmp_path / name).write_text(text.format(MASTER=MASTER, WORKER=WORKER, folder=tmp_path, socket=socket))
    ones = np.ones((2, 2), np.float32)
    client = MindsporeClient(f"unix:{socket}", "add", "add_common")

    def script(host: str, name: str, wait_for: str, **environment: str) -> AbstractContextManager[Script]:
        return started(ON_HOST, host, str(tmp_path / name), wait_for=wait_for, folder=tmp_path, **environment)

    with (
        script(hosts.worker, "worker.py", "Serving worker start success", **variables(certificates, "client", "CA")),
        script(hosts.master, "master.py", "Serving master", **variables(certificates, "server", "CLIENT_CA")) as master,
    ):
        until(lambda: isinstance(client.infer({"x1": ones, "x2": ones}), list))
        assert TOKEN not in master.output
