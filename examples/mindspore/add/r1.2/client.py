"""Calls both methods of `add` by the client's older form, which takes host and port apart."""

import numpy as np

from mindspore_serving.client import Client


def run_add_common():
    matrices = [np.full((2, 2), number, np.float32) for number in (1, 2, 3)]
    client = Client("localhost", 5500, "add", "add_common")
    print(client.infer([{"x1": matrix, "x2": matrix} for matrix in matrices]))


def run_add_cast():
    ones = np.ones((2, 2), np.int32)
    print(Client("localhost", 5500, "add", "add_cast").infer([{"x1": ones, "x2": ones}]))


if __name__ == "__main__":
    run_add_common()
    run_add_cast()
