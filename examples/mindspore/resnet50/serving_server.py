"""Serves `resnet50`, which lies beside this file, over a Unix socket: python serving_server.py, Ctrl+C ends it."""

import sys
from pathlib import Path

from mindspore_serving import server


def start():
    servable_dir = str(Path(sys.argv[0]).resolve().parent)
    # Two devices are two worker processes, which decode images at the same time.
    servable_config = server.ServableStartConfig(
        servable_directory=servable_dir, servable_name="resnet50", device_ids=(0, 1)
    )
    server.start_servables(servable_configs=servable_config)
    server.start_grpc_server(address="unix:/tmp/serving_resnet50_test_temp_file")


if __name__ == "__main__":
    start()
