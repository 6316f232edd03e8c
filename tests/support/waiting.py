"""Waiting for something to become true, and for numbers that a server counts."""

import re
import time
from collections.abc import Callable
from typing import TypeVar

from support.http import get

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 40.0) -> T:
    """The first true value that the condition gives. Fails when the time is up."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return value


def metric(address: str, name: str, **labels: str) -> float:
    """The sum of all samples of this name with these labels."""
    page = get(address, "/metrics").body.decode()
    total = 0.0
    for line in page.splitlines():
        found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if found and all(f'{label}="{value}"' in (found[1] or "") for label, value in labels.items()):
            total += float(found[2])
    return total


def running(address: str, servable: str) -> bool:
    """Whether a batch of this servable is running now."""
    return metric(address, "salver_running_batches", servable=servable) > 0
