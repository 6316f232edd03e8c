"""Has the faces on a picture found, prints and draws them:

python inference_client.py [host:port] [picture] [drawn.png]

The picture is by default that of an astronaut, which scikit-image ships.
"""

import platform
import sys
from pathlib import Path

import grpc
from protos import infer_pb2_grpc
from protos.infer_pb2 import Image
from utils.draw import ASTRONAUT, draw
from utils.label import add_meta_data


def main(address="localhost:50051", picture=ASTRONAUT, drawn="faces.png"):
    image = Image(raw_data=Path(picture).read_bytes(), image_id="1111")
    add_meta_data(image)
    with grpc.insecure_channel(address) as channel:
        stub = infer_pb2_grpc.InferenceStub(channel)
        found = stub.Predict(image, metadata=[("client", platform.node())], timeout=60, wait_for_ready=True)
    print(found)
    draw(picture, found.results, drawn)


if __name__ == "__main__":
    main(*sys.argv[1:])
