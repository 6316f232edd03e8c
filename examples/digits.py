"""Handwritten digits, read by scikit-learn: a servable that is one file, `salver serve examples/digits.py`.

    curl --data-binary @seven.png -H 'content-type: image/png' http://127.0.0.1:8500/servables/digits/read

answers with the digit in a picture, `digits/predict` with that in 64 grey values from 0 (paper) to 1 (ink).
"""

import io
from typing import TypedDict

import numpy as np
from jaxtyping import Float32
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import salver


class Reading(TypedDict):
    label: np.int64
    probabilities: Float32[np.ndarray, "10"]


@salver.servable
class Digits:
    def setup(self) -> None:
        """Train on the 1797 scans that scikit-learn ships, which takes a moment."""
        images, labels = load_digits(return_X_y=True)
        self.classifier = LogisticRegression(C=10, max_iter=200).fit(images / 16, labels)

    @salver.function
    def predict(self, pixels: Float32[np.ndarray, "64"]) -> Reading:
        """Read all digits of a batch at once: `pixels` has a row for each."""
        probabilities = self.classifier.predict_proba(pixels).astype(np.float32)
        return {"label": probabilities.argmax(axis=1), "probabilities": probabilities}

    @salver.function
    def read(self, image: bytes) -> Reading:
        """The same for pictures in any format and size; one that is none fails alone, not the batch."""
        return self.predict(np.stack([pixels_of(data, row) for row, data in enumerate(image)]))


def pixels_of(data: bytes, row: int) -> np.ndarray:
    """A picture of black ink on white paper as grey values."""
    try:
        picture = Image.open(io.BytesIO(data)).convert("L").resize((8, 8), Image.Resampling.BOX)
    except (OSError, ValueError) as error:
        raise salver.InvalidInput(f"the image cannot be decoded: {error}", row=row) from error
    return 1 - np.asarray(picture, np.float32).ravel() / 255
