"""Sends three requests before it waits for the first answer. Takes the address (localhost:5500)."""

import sys

import numpy as np

from mindspore_serving.client import Client


def run_add_common(address: str) -> None:
    client = Client(address, "add", "add_common")
    pending = []
    for number in (1, 2, 3):
        x = np.full((2, 2), number, np.float32)
        pending.append(client.infer_async({"x1": x, "x2": x}))
    for future in pending:
        print(future.result())


if __name__ == "__main__":
    run_add_common(sys.argv[1] if len(sys.argv) > 1 else "localhost:5500")
