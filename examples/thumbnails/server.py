"""A gRPC service in several processes: `python server.py 127.0.0.1:8500`, once its code is generated.

    python -m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. thumbnails.proto

Scaling pictures keeps Python busy, so each worker process has a servicer of its own, and calls go to the one with the
fewest. `curl http://127.0.0.1:8500/thumbnails.Thumbnails/Make -d '{"file": "<base64>"}'` works, too.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import thumbnails_pb2
import thumbnails_pb2_grpc
from PIL import Image, UnidentifiedImageError

import salver
from salver import grpc


class Thumbnails(thumbnails_pb2_grpc.ThumbnailsServicer):
    def __init__(self, default_size):
        self.default_size = default_size

    def Make(self, request, context):
        size = request.size or self.default_size
        try:
            image = Image.open(BytesIO(request.file)).convert("RGB")
        except UnidentifiedImageError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the file is no picture of a known format")
        image.thumbnail((size, size))
        png = BytesIO()
        image.save(png, "PNG")
        return thumbnails_pb2.Thumbnail(png=png.getvalue(), width=image.width, height=image.height)

    def MakeAll(self, request_iterator, context):
        for request in request_iterator:
            yield self.Make(request, context)


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(4), workers=2)
    thumbnails_pb2_grpc.add_ThumbnailsServicer_to_server(salver.per_worker(Thumbnails, default_size=128), server)
    port = server.add_insecure_port(sys.argv[1])
    server.start()
    print(f"listening on port {port}", flush=True)
    server.wait_for_termination()
