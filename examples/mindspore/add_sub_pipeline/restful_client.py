"""Calls both methods of `add_sub` over HTTP."""

import base64
import json
from array import array
from urllib.request import urlopen

ADDRESS = "http://localhost:1500"


def infer(method, instances):
    """The results, one for each instance; an error is {"error_msg": "..."}."""
    body = json.dumps({"instances": instances}).encode()
    with urlopen(f"{ADDRESS}/model/add_sub:{method}", body) as response:
        return json.load(response)


def matrix(number):
    return [[number, number], [number, number]]


def run_as_numbers():
    """Numbers with a point are float32, others int32."""
    instances = [{"x1": matrix(float(n)), "x2": matrix(10.0 * n), "x3": matrix(1.0)} for n in (1, 2, 3)]
    print("add_sub_only_model", infer("add_sub_only_model", instances))
    print("add_sub_complex", infer("add_sub_complex", [{"x1": matrix(1), "x2": matrix(10), "x3": matrix(1.0)}]))


def run_as_base64():
    """The bytes of an array, with their type and shape: for large ones, or types that JSON has not."""
    ones = base64.b64encode(array("f", [1, 1, 1, 1]).tobytes()).decode()
    value = {"b64": ones, "type": "float32", "shape": [2, 2]}
    print("in base64", infer("add_sub_only_model", {"x1": value, "x2": value, "x3": value}))


def run_wrong_type():
    print("wrong type", infer("add_sub_only_model", {"x1": matrix(1), "x2": matrix(1), "x3": matrix(1)}))


if __name__ == "__main__":
    run_as_numbers()
    run_as_base64()
    run_wrong_type()
