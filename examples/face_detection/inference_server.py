"""Finds faces for whoever asks at a port, by mtcnn:

python inference_server.py [address]
"""

import os
import sys
from concurrent import futures
from io import BytesIO

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
from mtcnn import MTCNN
from PIL import Image
from protos import infer_pb2_grpc
from protos.infer_pb2 import Box, InferResults, Landmarks, Point, Result
from utils.label import add_meta_data


class InferenceServicer(infer_pb2_grpc.InferenceServicer):
    def __init__(self):
        self.detector = MTCNN()

    def Predict(self, request, context):
        metadata = dict(context.invocation_metadata())
        print(f"remote metadata {list(metadata.items())}")
        image = Image.open(BytesIO(request.raw_data)).convert("RGB")
        print(f"received an image of the size {image.width}x{image.height}", flush=True)
        return_results = InferResults(image_id=request.image_id)
        add_meta_data(return_results)
        for face in self.detector.detect_faces(np.array(image)):
            return_results.results.append(result(face))
        return return_results


def result(face):
    x, y, width, height = face["box"]
    return Result(
        box=Box(up_left=Point(x=x, y=y), lower_right=Point(x=x + width, y=y + height)),
        landmarks=Landmarks(**{name: Point(x=x, y=y) for name, (x, y) in face["keypoints"].items()}),
        confidence=face["confidence"],
    )


def serve(address="[::]:50051"):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=5))
    server.add_insecure_port(address)
    infer_pb2_grpc.add_InferenceServicer_to_server(InferenceServicer(), server)
    server.start()
    print("started", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    serve(*sys.argv[1:])
