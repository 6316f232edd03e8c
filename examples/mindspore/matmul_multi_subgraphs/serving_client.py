"""Calls `matmul` over gRPC, and compares with what numpy computes."""

import numpy as np

from mindspore_serving.client import Client


def run_predict():
    random = np.random.default_rng(0)
    weights = np.ones((96, 16), np.float32)
    pairs = [(random.random((128, 96), np.float32), random.random((8, 96), np.float32)) for _ in range(3)]
    results = Client("localhost:5500", "matmul", "predict").infer([{"x": x, "y": y} for x, y in pairs])
    for (x, y), result in zip(pairs, results, strict=True):
        expected = (x @ weights).sum(axis=0) + (y @ weights).sum(axis=0)
        print(result["z"].shape, np.allclose(result["z"], expected, rtol=1e-4))


if __name__ == "__main__":
    run_predict()
