"""Has one digit predicted, by the stubs of tensorflow-serving-api, and saves its picture with the answer:

python client.py [host:port] [picture.png]
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

HERE = Path(__file__).resolve().parent


def predict(address, image):
    """How likely each digit is."""
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "mnist"
        # One picture: the leading dimension of a batch may be left out.
        tensor = tf.make_tensor_proto(image, dtype=types_pb2.DT_FLOAT, shape=[28, 28, 1])
        request.inputs["flatten_input"].CopyFrom(tensor)
        result = stub.Predict(request, 10.0)
    return result.outputs["dense_1"].float_val


def save(image, title, file):
    """The picture in black on white, ten times as large, under its title."""
    digit = Image.fromarray((255 - image[..., 0] * 255).astype(np.uint8)).resize((280, 280), Image.Resampling.NEAREST)
    page = Image.new("L", (280, 310), 255)
    page.paste(digit, (0, 30))
    ImageDraw.Draw(page).text((8, 6), title, fill=0, font_size=18)
    page.save(file)


def main(address, file):
    saved = np.load(HERE / "test_digits.npz")
    image, label = saved["images"][0] / 255.0, saved["labels"][0]
    res = np.argmax(predict(address, image))
    print("predicted output :", res)
    save(image, f"predicted: {res}, it is: {label}", file)


if __name__ == "__main__":
    main(*sys.argv[1:], *("127.0.0.1:8500", "predicted.png")[len(sys.argv) - 1 :])
