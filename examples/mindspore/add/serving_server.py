"""Serves `add`, the folder beside this file: python serving_server.py, and Ctrl+C to end it."""

import sys
from pathlib import Path

from mindspore_serving import server


def start():
    servable_dir = str(Path(sys.argv[0]).resolve().parent)
    # Two devices are two worker processes, each of which runs the functions of servable_config.py.
    servable_config = server.ServableStartConfig(
        servable_directory=servable_dir, servable_name="add", device_ids=(0, 1)
    )
    server.start_servables(servable_configs=servable_config)
    server.start_grpc_server(address="127.0.0.1:5500")


if __name__ == "__main__":
    start()
