"""Serves `add` of the current folder: python master_with_worker.py, and Ctrl+C to end it."""

from pathlib import Path

from mindspore_serving import master, worker


def start():
    servable_dir = str(Path.cwd())
    worker.start_servable_in_master(servable_dir, "add", device_id=0)
    master.start_grpc_server("127.0.0.1", 5500)


if __name__ == "__main__":
    start()
