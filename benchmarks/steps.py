"""What is done in Python around the models: every server runs these very functions."""

# mypy: disable-error-code="import-not-found,import-untyped,unused-ignore"

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SCALE: Final = np.float32(0.125)
REDUCED: Final = 56
CELL: Final = 8
DETECTOR_SECONDS: Final = 0.004
NAMES: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def scaled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values * SCALE


def label(scores: NDArray[np.float32]) -> int:
    """The class with the highest score."""
    return int(scores.argmax())


def name(scores: NDArray[np.float32]) -> str:
    """The name of the class with the highest score."""
    return NAMES[label(scores)]


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    """The pixels, row by row, three colours each."""
    from PIL import Image

    with Image.open(BytesIO(jpeg)) as image:
        pixels: NDArray[Any] = np.asarray(image.convert("RGB"))
    return pixels


def reduced(jpeg: bytes) -> NDArray[np.uint8]:
    """The pixels at a quarter of the picture's 224x224, which is how JPEGs are decoded fast."""
    from PIL import Image

    with Image.open(BytesIO(jpeg)) as image:
        image.draft("RGB", (REDUCED, REDUCED))
        pixels: NDArray[Any] = np.asarray(image.convert("RGB"))
    return pixels


class Detector:
    """In the place of a network on an accelerator, which does one call after the other, each as long as any other."""

    def __init__(self) -> None:
        self._device = threading.Lock()

    def boxes(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """For each picture left, top, width and height of its brightest spot."""
        with self._device:
            time.sleep(DETECTOR_SECONDS)
        return np.stack([_brightest(each) for each in pictures])


def _brightest(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    cells = REDUCED // CELL
    sums = pixels.reshape(cells, CELL, cells, CELL * 3).sum(axis=(1, 3))
    row, column = divmod(int(sums.argmax()), cells)
    return np.array([column * CELL, row * CELL, CELL, CELL], np.float32)


def edit_distance(one: Sequence[int], other: Sequence[int]) -> int:
    """How many insertions, deletions and replacements lead from one to the other."""
    above = list(range(len(other) + 1))
    for number, mine in enumerate(one, 1):
        here = [number]
        for column, theirs in enumerate(other):
            here.append(min(above[column] + (mine != theirs), above[column + 1] + 1, here[column] + 1))
        above = here
    return above[-1]
