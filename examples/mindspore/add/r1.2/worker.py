"""Serves `add` of the current folder for the master: python worker.py, as often as is useful, and Ctrl+C to end it."""

from pathlib import Path

from mindspore_serving import worker


def start():
    servable_dir = str(Path.cwd())
    worker.start_servable(
        servable_dir,
        "add",
        device_id=0,
        master_ip="127.0.0.1",
        master_port=6500,
        worker_ip="127.0.0.1",
        worker_port=6600,
    )


if __name__ == "__main__":
    start()
