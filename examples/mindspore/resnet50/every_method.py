"""Sends every file of ./test_image to each method of `resnet50`, and prints what each of them says."""

from pathlib import Path

from mindspore_serving.client import Client

METHODS = ("classify_top1", "classify_top1_batch", "classify_top1_call", "classify_top1_call_batch")


def client_of(method):
    return Client("unix:/tmp/serving_resnet50_test_temp_file", "resnet50", method)


def run_top1(instances):
    """All methods at once: a reply is waited for when all requests are on their way."""
    waiting = {method: client_of(method).infer_async(instances) for method in METHODS}
    for method, answer in waiting.items():
        print(method, *(result["label"] for result in answer.result()))


def run_top5(instances):
    for result in client_of("classify_top5").infer(instances):
        print("classify_top5", result["label"], result["score"].shape, result["score"].dtype)


if __name__ == "__main__":
    images = [{"image": file.read_bytes()} for file in sorted(Path("test_image").iterdir())]
    run_top1(images)
    run_top5(images)
