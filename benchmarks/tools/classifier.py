"""The image classifier: its seeded weights, the pictures it is asked about, and what numpy says they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import pairwise
from typing import Final

import numpy as np
from PIL import Image

from benchmarks import steps
from benchmarks.raw import Array

SIZE: Final = 224
CHANNELS: Final = (3, 16, 32, 64, 128)
CLASSES: Final = len(steps.NAMES)
KERNEL: Final = 3
STRIDE: Final = 2
PICTURES: Final = 24
CLEAR: Final = 0.05
WEIGHTS_SEED: Final = 2


@dataclass(frozen=True)
class Picture:
    """A JPEG, and the name of its class."""

    jpeg: bytes
    name: str


def convolutions() -> list[tuple[Array, Array]]:
    """Weights and biases of the layers, seeded; nothing in the measurement depends on their values."""
    random = np.random.default_rng(WEIGHTS_SEED)
    layers = []
    for narrow, wide in pairwise(CHANNELS):
        spread = (2 / (narrow * KERNEL**2)) ** 0.5
        weights = (random.standard_normal((wide, narrow, KERNEL, KERNEL)) * spread).astype(np.float32)
        layers.append((weights, (random.standard_normal(wide) * 0.1).astype(np.float32)))
    return layers


@cache
def head() -> tuple[Array, Array]:
    """The last layer. What the pictures have in common is taken out, so that their classes differ."""
    random = np.random.default_rng(WEIGHTS_SEED + 1)
    features = np.stack([_features(steps.decoded(_drawn(number))) for number in range(PICTURES)])
    number = features.shape[1]
    spread = features.std(axis=0) + features.std()
    weights = (random.standard_normal((number, CLASSES)) / (spread[:, None] * number**0.5)).astype(np.float32)
    return weights, -features.mean(axis=0) @ weights


def constants() -> Mapping[str, Array]:
    """All of the model's constants, by the names that they have in it."""
    found: dict[str, Array] = {}
    for number, (weights, bias) in enumerate(convolutions(), 1):
        found |= {f"w{number}": weights, f"b{number}": bias}
    last, bias = head()
    return {**found, "scale": np.array(1 / 127.5, np.float32), "one": np.array(1, np.float32), "w": last, "b": bias}


def picture(seed: int) -> Picture:
    """One of a few pictures, whose classes are beyond doubt."""
    clear = _clear_pictures()
    return clear[seed % len(clear)]


def name_of(jpeg: bytes) -> str:
    """What one of those pictures shows."""
    return next(each.name for each in _clear_pictures() if each.jpeg == jpeg)


@cache
def _clear_pictures() -> list[Picture]:
    weights, bias = head()
    found = []
    for number in range(PICTURES):
        jpeg = _drawn(number)
        scores = _features(steps.decoded(jpeg)) @ weights + bias
        second, first = np.sort(scores)[-2:]
        if first - second > CLEAR:
            found.append(Picture(jpeg, steps.name(scores)))
    return found


@cache
def _drawn(number: int) -> bytes:
    """Waves of colour, some rectangles, and the grain of a photograph."""
    random = np.random.default_rng((WEIGHTS_SEED, number))
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    pixels = np.zeros((SIZE, SIZE, 3))
    for _ in range(4):
        across, down, phase = random.uniform(-12, 12, 3)
        pixels += np.sin(across * x + down * y + phase)[..., None] * random.uniform(10, 40, 3)
    for _ in range(6):
        top, left, height, width = random.integers(8, SIZE // 2, 4)
        pixels[top : top + height, left : left + width] += random.uniform(-80, 80, 3)
    pixels += 128 + random.normal(0, 6, pixels.shape)
    file = BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def _features(pixels: Array) -> Array:
    """What the convolutions make of one picture, averaged over the picture."""
    values = pixels.astype(np.float32).transpose(2, 0, 1) * np.float32(1 / 127.5) - np.float32(1)
    for weights, bias in convolutions():
        values = np.maximum(_convolved(values, weights) + bias[:, None, None], np.float32(0))
    averages: Array = values.mean(axis=(1, 2))
    return averages


def _convolved(values: Array, weights: Array) -> Array:
    """A convolution with a border of one zero, every second pixel."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))[:, ::STRIDE, ::STRIDE]
    result: Array = np.einsum("cyxij,ocij->oyx", windows, weights, optimize=True)
    return result
