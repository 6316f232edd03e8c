"""What every measurement needs, and how a server is started from it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import Environment
from benchmarks.load import Target, read_target
from benchmarks.machine import Cores
from benchmarks.options import Options, interpreter_of
from benchmarks.process import ServerFailed, ServerProcess, free_ports, pinned, started
from benchmarks.repositories import model_file, write_repository
from benchmarks.servers import SERVERS, Server
from benchmarks.workloads import Protocol, Workload

MODELS = "models"
SERVICERS = Path(__file__).with_name("servicers")
ADMIN = "admin"
LOOP_SECONDS = 300
# The worker is the server's child, so that both are stopped, and their processor time is counted, together.
JOINED = '"$0" worker "$1" "$2" --join "$3" & exec "$0" serve --accept-workers "$3" --listen "$4"'


@dataclass(frozen=True)
class Serving:
    """A started server that serves one workload."""

    server: Server
    workload: Workload
    process: ServerProcess
    ports: Mapping[Protocol, int]
    scratch: Path
    """A folder of its own for as long as it runs."""

    def form(self, protocol: Protocol) -> str:
        return self.server.forms[protocol][self.workload.name]


@dataclass(frozen=True)
class Bench:
    """Options, cores, prepared files, and the environments that could be made."""

    options: Options
    cores: Cores
    fixtures: Path
    tools: Environment
    peers: Mapping[str, Environment]

    def servers(self, workload: Workload) -> list[Server]:
        """The chosen servers that can be started here and serve this."""
        chosen = [SERVERS[name] for name in self.options.servers]
        return [server for server in chosen if self._can_start(server) and server.serves(workload)]

    @contextmanager
    def serving(self, server: Server, workload: Workload, *beside: tuple[Server, Workload]) -> Iterator[Serving]:
        """Starts the server on its cores; it is stopped at the end, whatever happens.

        One of ours can serve others `beside` the workload, each in the form of the server named with it.
        """
        ports = _choose_ports(server)
        with tempfile.TemporaryDirectory(prefix="salver-bench-") as folder:
            scratch = Path(folder)
            if server.ours and not server.script:
                write_repository(scratch / MODELS, self.fixtures, [(server, workload), *beside])
            command = (self._our_command if server.ours else self._command)(server, workload, ports, scratch)
            with started(command, self._cores(server), self._variables(server, scratch), scratch / "log") as process:
                yield Serving(server, workload, process, ports, scratch)

    def target(self, serving: Serving, protocol: Protocol, answer_bytes: Mapping[str, int]) -> Target:
        """The prepared request for the server; `answer_bytes` is how large a right answer is in each form."""
        form = serving.form(protocol)
        key = f"{serving.workload.name}/{form}"
        return read_target(self.fixtures, key, protocol, serving.ports[protocol], answer_bytes[form])

    def looped(self, server: Server, workload: Workload, requests: int) -> float:
        """Has the work of so many requests done on the server's core, by no server; gives the seconds that it took."""
        body = self.fixtures / "bodies" / f"{workload.name}.{server.forms['http'][workload.name]}"
        python, model = str(self.peers[server.name].python), str(model_file(self.fixtures, workload))
        command = [python, "-m", server.module, workload.name, model, str(body), str(requests)]
        done = subprocess.run(
            pinned(command, self._cores(server)),
            env=self.peers[server.name].variables(),
            capture_output=True,
            text=True,
            timeout=LOOP_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailed(f"the loop ended with code {done.returncode}: {done.stderr.strip()[-500:]}")
        return float(done.stdout)

    def _can_start(self, server: Server) -> bool:
        return self.options.salver is not None if server.ours else server.name in self.peers

    def _cores(self, server: Server) -> tuple[int, ...]:
        return (self.cores.server, self.cores.load) if server.every_core else (self.cores.server,)

    def _our_command(
        self, server: Server, workload: Workload, ports: Mapping[Protocol, int], scratch: Path
    ) -> list[str]:
        salver, models, address = str(self.options.salver), str(scratch / MODELS), f"127.0.0.1:{ports['grpc']}"
        if server.script:
            return [*self._runner(server), str(SERVICERS / f"{server.script}.py"), address, *server.settings.split()]
        if server.start_script:
            return [
                self._python(),
                "-m",
                "benchmarks.mindspore_server",
                models,
                workload.name,
                server.settings,
                address,
            ]
        if server.joined:
            return ["sh", "-c", JOINED, salver, models, workload.name, f"127.0.0.1:{free_ports(1)[0]}", address]
        admin = ["--admin", f"unix:{scratch / ADMIN}"] if server.admin else []
        return [salver, "serve", models, "--listen", address, *admin]

    def _runner(self, server: Server) -> list[str]:
        return [self._python()] if server.unsalvered else [str(self.options.salver), "run"]

    def _python(self) -> str:
        """The interpreter that salver is installed for."""
        assert self.options.salver is not None
        return str(interpreter_of(self.options.salver))

    def _command(self, server: Server, workload: Workload, ports: Mapping[Protocol, int], _scratch: Path) -> list[str]:
        python, model = str(self.peers[server.name].python), str(model_file(self.fixtures, workload))
        return [python, "-m", server.module, workload.name, model, str(ports["grpc"]), str(ports["http"])]

    def _variables(self, server: Server, scratch: Path) -> dict[str, str]:
        environment = self.peers.get(server.name, self.tools)
        return {**environment.variables(), "BENCH_SCRATCH": str(scratch)}


def _choose_ports(server: Server) -> dict[Protocol, int]:
    """salver speaks everything on one port, Triton has one for each protocol."""
    grpc, http = free_ports(2)
    return {"grpc": grpc, "http": grpc if server.ours else http}
