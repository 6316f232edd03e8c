"""The service of `servicers/blocking.py` in salver's own way: its pictures share batches."""

# ruff: noqa: F722 - shapes are no forward references

from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

import salver
from benchmarks import steps

services = salver.proto(str(Path(steps.__file__).with_name("services.proto")))
detector = steps.Detector()


@salver.stage
def reduce(raw_data: bytes) -> UInt8[np.ndarray, "56 56 3"]:
    return steps.reduced(raw_data)


@salver.function
def detect(pixels: UInt8[np.ndarray, "56 56 3"]) -> Float32[np.ndarray, "4"]:
    return detector.boxes(pixels)


@salver.method
def find(raw_data: bytes) -> Float32[np.ndarray, "4"]:
    return detect(reduce(raw_data))


services.service("Faces", Find=find)
