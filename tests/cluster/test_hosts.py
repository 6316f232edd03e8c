"""Master and worker on two hosts, as far as one machine has them: in network namespaces of their own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.waiting import until

from cluster.credentials import TOKEN, of_server, of_worker
from cluster.processes import Salver, joined, running
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
