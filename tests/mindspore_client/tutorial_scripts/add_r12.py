"""Adds three pairs of matrices, with the client's older form. Takes host and port (localhost 5500)."""

import sys

import numpy as np

from mindspore_serving.client import Client


def run_add_common(ip: str, port: int) -> None:
    client = Client(ip, port, "add", "add_common", version_number=0)
    instances = []
    for number in (1, 2, 3):
        x1 = np.asarray([[number, number], [number, number]]).astype(np.float32)
        x2 = np.asarray([[number, number], [number, number]]).astype(np.float32)
        instances.append({"x1": x1, "x2": x2})
    result = client.infer(instances)
    print(result)


if __name__ == "__main__":
    run_add_common(*((sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 2 else ("localhost", 5500)))
