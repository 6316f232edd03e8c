"""Adds over TLS; ca.crt is in the working folder. Takes the address (localhost:5500)."""

import sys

import numpy as np

from mindspore_serving.client import Client, SSLConfig


def run_add_common(address: str) -> None:
    ssl_config = SSLConfig(custom_ca="ca.crt")
    client = Client(address, "add", "add_common", ssl_config=ssl_config)
    x1 = np.asarray([[1, 1], [1, 1]]).astype(np.float32)
    x2 = np.asarray([[1, 1], [1, 1]]).astype(np.float32)
    print(client.infer([{"x1": x1, "x2": x2}]))


if __name__ == "__main__":
    run_add_common(sys.argv[1] if len(sys.argv) > 1 else "localhost:5500")
