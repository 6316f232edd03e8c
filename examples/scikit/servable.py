"""A pickled object behind a method: any classifier with scikit-learn's manners, XGBoost's and LightGBM's among them.

    python examples/scikit/make_model.py
    salver serve examples/scikit/servable.py

A pickle runs code when it is loaded: load only what you trust.
"""

from pathlib import Path
from typing import TypedDict

import joblib
import numpy as np

import salver

options = salver.options(workers=2)

classifier = joblib.load(Path(__file__).with_name("model.joblib"))


class Species(TypedDict):
    species: str
    probability: np.float32


@salver.function(
    max_batch_size=256,
    example={"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2},
)
def classify(sepal_length: float, sepal_width: float, petal_length: float, petal_width: float) -> Species:
    """What kind of iris it is, all lengths in cm; each input is an array with a number for every flower."""
    probabilities = classifier.predict_proba(np.column_stack([sepal_length, sepal_width, petal_length, petal_width]))
    best = probabilities.argmax(axis=1)
    chosen = np.take_along_axis(probabilities, best[:, np.newaxis], axis=1)[:, 0]
    return {"species": classifier.classes_[best].tolist(), "probability": chosen.astype(np.float32)}
