"""The folders that salver is given to serve."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.servers import Server
from benchmarks.workloads import Workload

SERVABLES = Path(__file__).with_name("servables")


def model_file(fixtures: Path, workload: Workload) -> Path | None:
    """The prepared ONNX file that the workload takes, if it takes one."""
    return fixtures / "models" / f"{workload.model}.onnx" if workload.model else None


def write_repository(folder: Path, fixtures: Path, served: Sequence[tuple[Server, Workload]]) -> None:
    """Everything that is served together: each workload in the form in which that server of ours serves it."""
    for server, workload in served:
        servable = folder / workload.name
        model = servable / ("model.onnx" if server.code else "1/model.onnx")
        model.parent.mkdir(parents=True)
        prepared = model_file(fixtures, workload)
        if prepared is not None:
            shutil.copy(prepared, model)
        if server.code:
            name = "servable_config.py" if server.start_script else "servable.py"
            shutil.copy(SERVABLES / f"{workload.name}.py", servable / name)
        if server.settings and not server.start_script:
            (servable / "salver.toml").write_text(server.settings)
