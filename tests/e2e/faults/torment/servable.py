"""Code that does what no code should, at its caller's wish."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from deeds import DEEDS, kept
from jaxtyping import Float32

import salver


def wait_for_the_end_of(file: Path) -> None:
    while file.exists():
        time.sleep(0.01)


# While this file is there, no new worker begins.
wait_for_the_end_of(Path(__file__).with_name("gate"))


def leave_a_child() -> str:
    """One that is no longer in the worker's group and holds whatever it was given."""
    child = os.fork()
    if child == 0:
        os.setsid()
        time.sleep(1000)
        os._exit(0)
    return str(child)


GIFTS: dict[str, Callable[[int], Any]] = {
    "fewer": lambda rows: np.zeros((rows - 1, 2), np.float32),
    "more": lambda rows: np.zeros((rows + 1, 2), np.float32),
    "another dtype": lambda rows: np.zeros((rows, 2)),
    "another shape": lambda rows: np.zeros((rows, 3), np.float32),
    "one number": lambda rows: np.float32(3),
    "objects": lambda rows: np.array([[object()] * 2] * rows, object),
    "ragged lists": lambda rows: [[1.0], [1.0, 2.0]],
    "complex": lambda rows: np.zeros((rows, 2), np.complex64),
    "dates": lambda rows: np.zeros((rows, 2), "datetime64[s]"),
    "records": lambda rows: np.zeros((rows, 2), [("a", "f4"), ("b", "i4")]),
    "texts": lambda rows: np.array([["a", "b"]] * rows),
    "long doubles": lambda rows: np.zeros((rows, 2), np.longdouble),
    "nothing": lambda rows: None,
    "a class": lambda rows: int,
    "itself": lambda rows: GIFTS,
    "a generator": lambda rows: (each for each in range(rows)),
    "a tuple": lambda rows: (np.zeros((rows, 2), np.float32),) * 2,
}


@salver.function(max_wait_ms=0, isolate_rows=False)
def give(what: str) -> Float32[np.ndarray, "2"]:
    return GIFTS[what[0]](len(what))


@salver.function
def keep(x: np.ndarray) -> np.ndarray:
    kept.append(x)
    return x + 1


@salver.function
def again(x: np.ndarray) -> np.ndarray:
    """What was kept for the longest time."""
    return np.broadcast_to(kept[0][0, 0], x.shape).copy()


@salver.servable
class Torment:
    def do(self, what: str) -> str:
        DEEDS[what]()
        return "done"

    def items(self, what: str, after: int) -> Iterator[int]:
        yield from range(after)
        DEEDS[what]()
        yield from range(after, 2 * after)

    def fork(self, text: str) -> str:
        return leave_a_child()

    def process(self, text: str) -> int:
        return os.getpid()

    def wait(self, file: str) -> str:
        wait_for_the_end_of(Path(file))
        return "done"

    def remove(self, file: str) -> str:
        Path(__file__).unlink()
        return "done"
