"""What workers of these tests are told."""

from pathlib import Path

from salver.workers.assignment import Assignment
from salver.workers.orders import Order, Orders


def assignment(function: str, file: Path, **arguments: object) -> Assignment:
    """To load by a function of `workers.programs`."""
    return Assignment(str(file), "workers.programs", function, {"file": str(file)}, arguments)


def orders(function: str, file: Path, in_process: bool = False, **arguments: object) -> Orders:
    """The same for all workers of a version; the loader is found by PYTHONPATH."""
    order = Order(assignment(function, file, **arguments))
    return Orders("double", 1, file, lambda _: order, in_process)
