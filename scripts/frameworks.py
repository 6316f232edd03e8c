"""Make a virtual environment of heavy frameworks, in which some of the tests run, and link to it.

It lies outside the clone, under a name that says what is in it, so that every clone that wants the same uses the same.
Takes its name, which is one of ENVIRONMENTS, and the link's path. Standard library only: it is run by the Python that
the environment shall have.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"


class Impossible(Exception):
    """The environment cannot be made; the text says why, and what to do."""


@dataclass(frozen=True)
class Environment:
    """What is installed: the requirements beside the tests, and then others without what they ask for in turn.

    `pythons` are those that the main framework has wheels for; on disk it needs more while pip unpacks than it keeps.
    """

    name: str
    holds: str
    tests: str
    pythons: tuple[tuple[int, int], ...]
    disk_bytes: int
    cost: str

    @property
    def requirements(self) -> Path:
        return TESTS / self.tests / "requirements.txt"

    @property
    def alone(self) -> Path:
        return TESTS / self.tests / "requirements-alone.txt"

    def folder(self) -> Path:
        """Where the environment of these requirements and this Python is, or shall be."""
        texts = [file.read_text(encoding="utf-8") for file in (self.requirements, self.alone) if file.exists()]
        wanted = f"{''.join(texts)}{sys.version}"
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "salver" / f"{self.name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"


ENVIRONMENTS = (
    Environment(
        "frameworks",
        "MindSpore and PyTorch",
        "frameworks",
        ((3, 11), (3, 12)),
        14 * 1000**3,
        "some minutes: 3 GB to download, 8 GB on disk",
    ),
    Environment(
        "tensorflow",
        "TensorFlow",
        "saved_model",
        ((3, 11), (3, 12), (3, 13)),
        4 * 1000**3,
        "a minute: 0.5 GB to download, 2 GB on disk",
    ),
)


def make(wanted: Environment, folder: Path) -> None:
    """Make it under another name first, so that it is whole if it exists. Raises Impossible."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    check_machine(wanted, folder.parent)
    print(f"== installing {wanted.holds} into {folder}")
    print(f"== once, {wanted.cost}", flush=True)
    run(sys.executable, "-m", "venv", unfinished)
    install = (unfinished / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install")
    run(*install, "--only-binary", ":all:", "--requirement", wanted.requirements)
    if wanted.alone.exists():
        run(*install, "--only-binary", ":all:", "--no-deps", "--requirement", wanted.alone)
    unfinished.rename(folder)


def check_machine(wanted: Environment, directory: Path) -> None:
    """Raises Impossible."""
    if sys.version_info[:2] not in wanted.pythons:
        version = ".".join(map(str, sys.version_info[:2]))
        remedy = "give make FRAMEWORKS_PYTHON=/path/to/python3.12"
        raise Impossible(f"{wanted.holds} cannot be installed for Python {version}, which lacks wheels: {remedy}")
    free = shutil.disk_usage(directory).free
    if free < wanted.disk_bytes:
        need = wanted.disk_bytes / 1e9
        raise Impossible(f"{directory} has {free / 1e9:.0f} GB free, but {need:.0f} are needed: make room")


def run(*command: str | Path) -> None:
    """Raises Impossible if the command fails; it has then said why. The command holds the lock as long as it lives."""
    if subprocess.run(command, check=False, close_fds=False).returncode != 0:
        raise Impossible("the environment of the frameworks could not be made; what is above says why")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time makes an environment, whatever clone it belongs to."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("== waiting for another process that installs the same", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def link(place: Path, folder: Path) -> None:
    """Let `place` be a link to the environment, whatever link it was before."""
    fresh = place.with_name(f"{place.name}.{os.getpid()}")
    fresh.symlink_to(folder)
    fresh.replace(place)


def main(wanted: Environment, place: Path) -> int:
    folder = wanted.folder()
    try:
        with alone(folder):
            if not folder.exists():
                make(wanted, folder)
    except Impossible as error:
        print(f"== {error}", file=sys.stderr)
        return 1
    link(place, folder)
    return 0


if __name__ == "__main__":
    [chosen] = [each for each in ENVIRONMENTS if each.name == sys.argv[1]]
    sys.exit(main(chosen, Path(sys.argv[2])))
