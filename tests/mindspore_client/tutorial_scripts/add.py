"""Adds three pairs of matrices in one request. Takes the address (localhost:5500)."""

import sys

import numpy as np

from mindspore_serving.client import Client


def run_add_common(address: str) -> None:
    client = Client(address, "add", "add_common")
    instances = []
    for number in (1, 2, 3):
        x1 = np.asarray([[number, number], [number, number]]).astype(np.float32)
        x2 = np.asarray([[number, number], [number, number]]).astype(np.float32)
        instances.append({"x1": x1, "x2": x2})
    result = client.infer(instances)
    print(result)


if __name__ == "__main__":
    run_add_common(sys.argv[1] if len(sys.argv) > 1 else "localhost:5500")
