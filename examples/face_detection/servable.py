"""The same service in salver's own way, for the same clients; JSON comes with it:

salver serve servable.py --listen 127.0.0.1:50051

Pictures of all callers are decoded one by one; those of one size are searched for faces together.
"""

import os
import platform
from datetime import UTC, datetime
from io import BytesIO

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from jaxtyping import UInt8
from mtcnn import MTCNN
from PIL import Image

import salver

infer = salver.proto("protos/infer.proto")
options = salver.options(workers=3)
detector = MTCNN()


@salver.stage
def decode(raw_data: bytes) -> UInt8[np.ndarray, "height width 3"]:
    try:
        return np.asarray(Image.open(BytesIO(raw_data)).convert("RGB"))
    except (OSError, ValueError) as error:
        raise salver.InvalidInput("raw_data is no picture that can be read") from error


@salver.function(max_batch_size=8)
def detect(picture: UInt8[np.ndarray, "height width 3"], image_id: str) -> salver.Json:
    """Over a batch: one search for all of its pictures."""
    meta_data = {"host": platform.node(), "time": datetime.now(UTC).isoformat()}
    found = detector.detect_faces(list(picture))
    return [
        {"image_id": name, "_meta_data": meta_data, "results": [result(face) for face in faces]}
        for name, faces in zip(image_id, found, strict=True)
    ]


def result(face):
    x, y, width, height = face["box"]
    return {
        "box": {"up_left": {"x": x, "y": y}, "lower_right": {"x": x + width, "y": y + height}},
        "landmarks": {name: {"x": x, "y": y} for name, (x, y) in face["keypoints"].items()},
        "confidence": face["confidence"],
    }


@salver.method
def predict(raw_data: bytes, image_id: str = "") -> salver.Json:
    return detect(decode(raw_data), image_id)


infer.service("Inference", Predict=predict, ignore=["height", "width", "_meta_data"])
