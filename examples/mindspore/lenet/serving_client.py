"""Has the digits in ./test_image read, and prints which they are: one request with all of them, then one for each."""

from pathlib import Path

from mindspore_serving.client import Client

ADDRESS = "localhost:5500"


def run_classify_top1():
    files = sorted(Path("test_image").iterdir())
    results = Client(ADDRESS, "lenet", "classify_top1").infer([{"image": file.read_bytes()} for file in files])
    for file, result in zip(files, results, strict=True):
        print(file, result["label"])


def run_at_once():
    """Requests that do not wait for each other's replies; the network runs for several of them at a time."""
    client = Client(ADDRESS, "lenet", "classify_argmax")
    waiting = [client.infer_async({"image": file.read_bytes()}) for file in sorted(Path("test_image").iterdir())]
    print("at once", *(answer.result()[0]["label"] for answer in waiting))


if __name__ == "__main__":
    run_classify_top1()
    run_at_once()
