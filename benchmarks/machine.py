"""The machine a run is made on: its cores, and the facts that a reader of the page needs."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import SetupFailed


@dataclass(frozen=True)
class Cores:
    """One core for the server, another for everything that asks it."""

    server: int
    load: int


def choose_cores() -> Cores:
    """The first two cores this process may use; it keeps to the second one itself from here on."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SetupFailed("one core is for the server and one for the load: two are needed, one is usable here")
    os.sched_setaffinity(0, {usable[1]})
    return Cores(usable[0], usable[1])


def describe() -> dict[str, str]:
    """Processor, memory and system, without names of hosts or users."""
    return {
        "processor": _field("/proc/cpuinfo", "model name"),
        "cores": str(os.cpu_count()),
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "system": f"{_field('/etc/os-release', 'PRETTY_NAME', '=').strip(chr(34))}, Linux {platform.release()}",
        "python": platform.python_version(),
        "load generator": _h2load_version(),
        "load average before the run": f"{os.getloadavg()[0]:.1f}",
    }


def busy_share() -> float:
    """How much of the machine the last minute's processes wanted, for a warning: load average by core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def _field(path: str, name: str, mark: str = ":") -> str:
    found = re.search(rf"^{re.escape(name)}\s*{mark}\s*(.*)$", Path(path).read_text(), re.MULTILINE)
    return found.group(1).strip() if found else "unknown"


def _h2load_version() -> str:
    if shutil.which("h2load") is None:
        raise SetupFailed("h2load is not installed; on Debian and Ubuntu it is in the package nghttp2-client")
    return subprocess.run(
        ["h2load", "--version"], capture_output=True, text=True, timeout=10, check=True
    ).stdout.strip()
