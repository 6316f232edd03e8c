"""Programs as loaders would make them, by hand; workers import this module by name."""

import ctypes
import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from salver.authoring.manifest import Lane, Manifest
from salver.authoring.spec import Port, Servable, StageSpec, one_stage
from salver.problems import Unusable
from salver.workers.program import Program
from salver.workers.stage import Batch, Column, Stage

X, Y = Port("x", "float32", (2,)), Port("y", "float32", (2,))


def servable(name: str, stages: int = 1) -> Servable:
    specs = tuple(StageSpec(f"double{index or ''}", (X,), (Y,), None) for index in range(stages))
    return Servable(name, 1, "python", (one_stage("predict", specs[0]),), specs)


class Double(Stage):
    """`y = 2 * x`, unless x tells it to do something else."""

    def run(self, batch: Batch) -> list[Column]:
        [x] = batch.columns
        assert isinstance(x, np.ndarray)
        if (x == -1).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return [x * 2]


def double(file: Path, name: str = "double", lanes: int = 1, workers: int | None = None) -> Program:
    """A method in the first lane."""
    manifest = Manifest(servable(name, lanes), tuple(Lane((index,)) for index in range(lanes)), workers=workers)
    print(f"loading {file.name}")
    print("a warning", file=sys.stderr)
    return Program(
        manifest,
        {index: Double() for index in range(lanes)},
        warm_up=lambda: print("warming up"),
        close=lambda: print("closing"),
    )


def without_lanes(file: Path) -> Program:
    """Nothing that a worker would have to run."""
    return Program(Manifest(servable(file.stem), ()), {}, close=lambda: print("closing"))


def differs(file: Path) -> Program:
    """Another servable in every process."""
    return double(file, f"double{os.getpid()}")


def refuses(file: Path) -> Program:
    raise Unusable(f"{file}:3", "is not as it should be", "mend it")


def fails(file: Path) -> Program:
    """As an author's file does that has a mistake in its fourth line."""
    exec(compile("\n\n\n1 / 0", str(file), "exec"))
    raise AssertionError


def exits(file: Path) -> Program:
    sys.exit(3)


def dies(file: Path) -> Program:
    os._exit(7)


def hangs(file: Path) -> Program:
    print("hanging", flush=True)
    signal.pause()
    raise AssertionError


def holds_the_lock(file: Path) -> Program:
    """As a C extension does that never gives other threads a turn."""
    print("holding", flush=True)
    ctypes.PyDLL(None).pause()
    raise AssertionError


def tells_its_surroundings(file: Path) -> Program:
    """What a worker inherits, as a problem."""
    links = {int(each.name): str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.exists()}
    shown = [str(number) if number < 3 else "control" for number, link in sorted(links.items()) if "/proc" not in link]
    module = "yes" if importlib.util.find_spec("stage") else "no"
    what = f"arguments: {len(sys.argv)}, open files: {' '.join(shown)}, a module called stage: {module}"
    raise Unusable(file, what, "")


def warm_up_fails(file: Path) -> Program:
    program = double(file)
    return Program(program.manifest, program.stages, warm_up=_raises)


def warms_for_ever(file: Path) -> Program:
    program = double(file)
    return Program(program.manifest, program.stages, warm_up=_warms)


def forks(file: Path) -> Program:
    """Leaves a child that lives on with everything it inherited."""
    if os.fork() == 0:
        signal.pause()
    return double(file)


def _warms() -> None:
    print("warming for ever", flush=True)
    signal.pause()


def _raises() -> None:
    raise ValueError("it is too cold")


def dies_at_second_start(file: Path) -> Program:
    """Loads once, as its file then says."""
    if file.read_text():
        os._exit(9)
    file.write_text("started")
    return double(file)


Loader = Callable[[Path], Program]
