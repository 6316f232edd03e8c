"""Serves `matmul`, which lies beside this file: python serving_server.py, and Ctrl+C to end it."""

import sys
from pathlib import Path

from mindspore_serving import server


def start():
    servable_dir = str(Path(sys.argv[0]).resolve().parent)
    server.start_servables(server.ServableStartConfig(servable_dir, "matmul", device_ids=0))
    server.start_grpc_server("127.0.0.1:5500")


if __name__ == "__main__":
    start()
