"""What every measurement needs, and how a server is started from it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import Environment
from benchmarks.machine import Cores
from benchmarks.options import Options
from benchmarks.process import ServerProcess, free_ports, started
from benchmarks.servers import SERVERS, Server
from benchmarks.workloads import Protocol, Workload


@dataclass(frozen=True)
class Serving:
    """A started server that serves one workload."""

    server: Server
    workload: Workload
    process: ServerProcess
    ports: Mapping[Protocol, int]
    scratch: Path
    """An empty folder for as long as it runs."""

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

    def servers(self) -> list[Server]:
        """The chosen servers that can be started here."""
        return [SERVERS[name] for name in self.options.servers if self._can_start(name)]

    @contextmanager
    def serving(self, server: Server, workload: Workload) -> Iterator[Serving]:
        """Starts the server on its core; it is stopped at the end, whatever happens."""
        ports = _choose_ports(server)
        with tempfile.TemporaryDirectory(prefix="salver-bench-") as folder:
            scratch = Path(folder)
            command = self._command(server, workload, ports)
            with started(command, self.cores.server, self._variables(server, scratch), scratch / "log") as process:
                yield Serving(server, workload, process, ports, scratch)

    def _can_start(self, name: str) -> bool:
        return self.options.salver is not None if name == "salver" else name in self.peers

    def _command(self, server: Server, workload: Workload, ports: Mapping[Protocol, int]) -> list[str]:
        models = self.fixtures / "models" / workload.name
        if server.name == "salver":
            return [str(self.options.salver), "serve", str(models), "--listen", f"127.0.0.1:{ports['grpc']}"]
        model = models / workload.name / "1" / "model.onnx"
        python = str(self.peers[server.name].python)
        return [python, "-m", server.module, workload.name, str(model), str(ports["grpc"]), str(ports["http"])]

    def _variables(self, server: Server, scratch: Path) -> dict[str, str]:
        environment = self.peers.get(server.name, self.tools)
        return {**environment.variables(), "BENCH_SCRATCH": str(scratch)}


def _choose_ports(server: Server) -> dict[Protocol, int]:
    """salver speaks everything on one port, Triton has one for each protocol."""
    grpc, http = free_ports(2)
    return {"grpc": grpc, "http": grpc if server.name == "salver" else http}
