"""Processes, as the kernel sees them."""

from pathlib import Path


def workers() -> list[int]:
    """The workers of this process."""
    tasks = Path("/proc/self/task").iterdir()
    children = [Path("/proc", child) for task in tasks for child in _read(task / "children").split()]
    return sorted(int(child.name) for child in children if "start_worker.py" in _read(child / "cmdline"))


def _read(file: Path) -> str:
    """Nothing if its thread or process has ended."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def ended(process: int) -> bool:
    """Also when nobody has asked for its status yet."""
    try:
        return ") Z " in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
