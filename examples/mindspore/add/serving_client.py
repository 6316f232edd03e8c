"""Calls both methods of `add`, then one that there is not, then one with a wrong instance among good ones."""

import numpy as np

from mindspore_serving.client import Client

ADDRESS = "localhost:5500"


def pairs(*numbers):
    """One instance for each number: two matrices full of it."""
    matrices = [np.full((2, 2), number, np.float32) for number in numbers]
    return [{"x1": matrix, "x2": matrix} for matrix in matrices]


def run_add_common():
    """Three instances in one request, three results in its reply."""
    print(Client(ADDRESS, "add", "add_common").infer(pairs(1, 2, 3)))


def run_add_cast():
    """Integers, which become float32 before they are added."""
    ones = np.ones((2, 2), np.int32)
    print(Client(ADDRESS, "add", "add_cast").infer({"x1": ones, "x2": ones}))


def run_wrong_method():
    """What is wrong with all of a request is told once."""
    print(Client(ADDRESS, "add", "add_common2").infer(pairs(1, 2, 3)))


def run_one_wrong_instance():
    """What is wrong with one instance is told in its place."""
    instances = pairs(1, 2, 3)
    instances[1]["x2"] = instances[1]["x2"].astype(np.int32)
    print(Client(ADDRESS, "add", "add_common").infer(instances))


if __name__ == "__main__":
    run_add_common()
    run_add_cast()
    run_wrong_method()
    run_one_wrong_instance()
