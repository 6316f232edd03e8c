"""Stages in Python before and behind an ONNX model."""

import numpy as np
from jaxtyping import Float32

import salver
from benchmarks import steps

perceptron = salver.model("model.onnx")


@salver.stage
def scale(x: Float32[np.ndarray, "784"]) -> Float32[np.ndarray, "784"]:
    return steps.scaled(x)


@salver.stage
def label(scores: Float32[np.ndarray, "10"]) -> int:
    return steps.label(scores)


@salver.method
def classify(x: Float32[np.ndarray, "784"]) -> int:
    return label(perceptron(scale(x)))
