"""A file in, a label out."""

# ruff: noqa: F722 - shapes are no forward references

import numpy as np
from jaxtyping import Float32, UInt8

import salver
from benchmarks import steps

# Small batches stay in the processor's cache; on one thread this network is the slower the larger they are.
classifier = salver.model("model.onnx", max_batch_size=2)


@salver.stage(max_batch_size=8)
def decode(image: bytes) -> UInt8[np.ndarray, "224 224 3"]:
    return steps.decoded(image)


@salver.stage(max_batch_size=8)
def name(scores: Float32[np.ndarray, "10"]) -> str:
    return steps.name(scores)


@salver.method
def classify(image: bytes) -> str:
    return name(classifier(decode(image)))
