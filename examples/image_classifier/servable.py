"""Pictures in, words out: functions around a neural network, which the server runs itself, without Python.

    python examples/image_classifier/make_model.py
    salver serve examples/image_classifier/servable.py

Rows of all callers are decoded one by one and run through the network together.
"""

import io

import numpy as np
from jaxtyping import Float32
from PIL import Image

import salver

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

net = salver.model("model.onnx", max_batch_size=64)


@salver.stage
def decode(image: bytes) -> Float32[np.ndarray, "1 8 8"]:
    """A picture of black ink on white paper, in any format and size, as the network takes it."""
    try:
        picture = Image.open(io.BytesIO(image)).convert("L").resize((8, 8), Image.Resampling.BOX)
    except (OSError, ValueError) as error:
        raise salver.InvalidInput(f"the image cannot be decoded: {error}") from error
    return 1 - np.asarray(picture, np.float32)[np.newaxis] / 255


@salver.stage
def label(scores: Float32[np.ndarray, "10"]) -> str:
    return WORDS[scores.argmax()]


@salver.stage
def best(scores: Float32[np.ndarray, "10"], k: int) -> salver.Json:
    if not 1 <= k <= len(WORDS):
        raise salver.InvalidInput(f"k is {k}, but there are {len(WORDS)} labels")
    order = scores.argsort()[::-1][:k]
    return [{"label": WORDS[index], "score": round(float(scores[index]), 4)} for index in order]


@salver.method
def classify(image: bytes) -> str:
    scores, _ = net(decode(image))
    return label(scores)


@salver.method
def top_k(image: bytes, k: int = 3) -> salver.Json:
    """The labels that fit best, with how well they fit."""
    scores, _ = net(decode(image))
    return best(scores, k)


@salver.method
def features(image: bytes) -> Float32[np.ndarray, "144"]:
    """What the network sees in a picture, for comparing pictures with each other."""
    _, seen = net(decode(image))
    return seen
