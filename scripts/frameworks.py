"""Make the virtual environment of the heavy frameworks, in which `tests/frameworks` run, and link to it.

It lies outside the clone, under a name that says what is in it, so that every clone that wants the same uses the same.
Takes the link's path. Standard library only: it is run by the Python that the environment shall have.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "tests" / "frameworks" / "requirements.txt"
PYTHONS = ((3, 11), (3, 12))  # those that MindSpore has wheels for
DISK_BYTES = 14 * 1000**3  # 8 stay; pip needs the rest while it unpacks


class Impossible(Exception):
    """The environment cannot be made; the text says why, and what to do."""


def folder() -> Path:
    """Where the environment of these requirements and this Python is, or shall be."""
    wanted = f"{REQUIREMENTS.read_text(encoding='utf-8')}{sys.version}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "salver" / f"frameworks-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"


def make(environment: Path) -> None:
    """Make it under another name first, so that it is whole if it exists. Raises Impossible."""
    unfinished = environment.with_name(f"{environment.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    check_machine(environment.parent)
    print(f"== installing MindSpore and PyTorch into {environment}")
    print("== once, some minutes: 3 GB to download, 8 GB on disk", flush=True)
    run(sys.executable, "-m", "venv", unfinished)
    pip = (unfinished / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--only-binary", ":all:", "--requirement", REQUIREMENTS)
    unfinished.rename(environment)


def check_machine(directory: Path) -> None:
    """Raises Impossible."""
    if sys.version_info[:2] not in PYTHONS:
        version = ".".join(map(str, sys.version_info[:2]))
        remedy = "give make FRAMEWORKS_PYTHON=/path/to/python3.12"
        raise Impossible(f"MindSpore has no wheel for Python {version}: {remedy}")
    free = shutil.disk_usage(directory).free
    if free < DISK_BYTES:
        raise Impossible(f"{directory} has {free / 1e9:.0f} GB free, but {DISK_BYTES / 1e9:.0f} are needed: make room")


def run(*command: str | Path) -> None:
    """Raises Impossible if the command fails; it has then said why. The command holds the lock as long as it lives."""
    if subprocess.run(command, check=False, close_fds=False).returncode != 0:
        raise Impossible("the environment of the frameworks could not be made; what is above says why")


@contextmanager
def alone(environment: Path) -> Iterator[None]:
    """One process at a time makes an environment, whatever clone it belongs to."""
    environment.parent.mkdir(parents=True, exist_ok=True)
    with environment.with_name(f"{environment.name}.lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("== waiting for another process that installs the same", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def link(place: Path, environment: Path) -> None:
    """Let `place` be a link to the environment, whatever link it was before."""
    fresh = place.with_name(f"{place.name}.{os.getpid()}")
    fresh.symlink_to(environment)
    fresh.replace(place)


def main(place: Path) -> int:
    environment = folder()
    try:
        with alone(environment):
            if not environment.exists():
                make(environment)
    except Impossible as error:
        print(f"== {error}", file=sys.stderr)
        return 1
    link(place, environment)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
