"""Calls both methods of `add_sub` over gRPC, and then one of them many times at once."""

import numpy as np

from mindspore_serving.client import Client

ADDRESS = "localhost:5500"


def matrix(number, dtype=np.float32):
    return np.full((2, 2), number, dtype)


def run_add_sub_only_model():
    """Three instances in one request, three results in its reply."""
    client = Client(ADDRESS, "add_sub", "add_sub_only_model")
    instances = [{"x1": matrix(n), "x2": matrix(10 * n), "x3": matrix(1)} for n in (1, 2, 3)]
    print("add_sub_only_model", [result["y"].tolist() for result in client.infer(instances)])


def run_add_sub_complex():
    """Integers, which become float32 on their way; `x3` goes to a model as it is, so it must be float32 already."""
    client = Client(ADDRESS, "add_sub", "add_sub_complex")
    [result] = client.infer({"x1": matrix(1, np.int32), "x2": matrix(10, np.int32), "x3": matrix(1)})
    print("add_sub_complex", result["y"].tolist())


def run_at_once():
    """Requests that do not wait for each other's replies; the server runs together what is there together."""
    client = Client(ADDRESS, "add_sub", "add_sub_complex")
    waiting = [client.infer_async({"x1": matrix(n), "x2": matrix(n), "x3": matrix(n)}) for n in range(100)]
    results = [answer.result()[0]["y"][0, 0] for answer in waiting]
    print("add_sub_complex, 100 at once", results == [n + 2 for n in range(100)])


if __name__ == "__main__":
    run_add_sub_only_model()
    run_add_sub_complex()
    run_at_once()
