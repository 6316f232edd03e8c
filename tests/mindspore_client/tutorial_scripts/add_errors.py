"""Calls a method that is not there, then sends one wrong pair among good ones. Takes the address."""

import sys

import numpy as np

from mindspore_serving.client import Client


def run_unknown_method(address: str) -> None:
    client = Client(address, "add", "add_common2")
    x = np.ones((2, 2), np.float32)
    print(client.infer([{"x1": x, "x2": x}]))


def run_one_wrong_instance(address: str) -> None:
    client = Client(address, "add", "add_common")
    good = np.ones((2, 2), np.float32)
    wrong = np.ones((2, 2), np.int32)
    print(client.infer([{"x1": good, "x2": good}, {"x1": good, "x2": wrong}, {"x1": good, "x2": good}]))


if __name__ == "__main__":
    server = sys.argv[1] if len(sys.argv) > 1 else "localhost:5500"
    run_unknown_method(server)
    run_one_wrong_instance(server)
