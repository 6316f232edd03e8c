"""The same as serving_client.py over HTTP, where bytes go as Base64."""

import base64
import json
from pathlib import Path
from urllib.request import urlopen

ADDRESS = "http://localhost:1500"


def run_classify_top1():
    files = sorted(Path("test_image").iterdir())
    instances = [{"image": {"b64": base64.b64encode(file.read_bytes()).decode()}} for file in files]
    body = json.dumps({"instances": instances}).encode()
    with urlopen(f"{ADDRESS}/model/lenet:classify_top1", body) as response:
        results = json.load(response)["instances"]
    for file, result in zip(files, results, strict=True):
        print(file, result["label"])


if __name__ == "__main__":
    run_classify_top1()
