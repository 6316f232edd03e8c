"""Sends every file of ./test_image in one request, and prints what each of them shows."""

from pathlib import Path

from mindspore_serving.client import Client


def run_classify_top1():
    client = Client("unix:/tmp/serving_resnet50_test_temp_file", "resnet50", "classify_top1")
    files = sorted(Path("test_image").iterdir())
    results = client.infer([{"image": file.read_bytes()} for file in files])
    for file, result in zip(files, results, strict=True):
        print(file, result)


if __name__ == "__main__":
    run_classify_top1()
