"""Classifies every file of ./test_image/ in one request. Takes the address, also unix:<path>."""

# ruff: noqa: PTH118, PTH123 (files are read as the tutorial reads them)

import os
import sys

from mindspore_serving.client import Client


def run_classify_top1(address: str) -> None:
    client = Client(address, "resnet50", "classify_top1")
    instances = []
    for folder, _, names in os.walk("./test_image/"):
        for name in sorted(names):
            image_file = os.path.join(folder, name)
            print(image_file)
            with open(image_file, "rb") as image:
                instances.append({"image": image.read()})
    result = client.infer(instances)
    print(result)


if __name__ == "__main__":
    run_classify_top1(sys.argv[1] if len(sys.argv) > 1 else "localhost:5500")
