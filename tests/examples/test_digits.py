import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from support.http import post
from support.paths import ROOT

import salver
from salver.testing.server import running

Pictures = list[tuple[bytes, int]]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(ROOT / "examples" / "digits.py") as server:
        yield server.address


def test_all_digits_are_read_in_one_request(address: str) -> None:
    images, labels = load_digits(return_X_y=True)
    with salver.Client(address) as client:
        found = client.infer("digits", {"pixels": (images / 16).astype(np.float32)})
    assert (found["label"] == labels).mean() > 0.98
    assert found["probabilities"].shape == (len(labels), 10)
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, rtol=1e-4)


def test_one_digit_is_sent_as_json(address: str) -> None:
    images, labels = load_digits(return_X_y=True)
    reply = post(address, "/servables/digits", {"pixels": (images[0] / 16).tolist()}).json
    assert (reply["label"], len(reply["probabilities"])) == (labels[0], 10)


def test_a_picture_is_sent_as_it_is(address: str, pictures: Pictures, tmp_path: Path) -> None:
    right = 0
    for picture, label in pictures[:10]:
        reply = post(address, "/servables/digits/read", picture, {"Content-Type": "image/png"})
        right += reply.json["label"] == label
    assert right >= 9


def test_curl_reads_a_picture(address: str, pictures: Pictures, tmp_path: Path) -> None:
    picture, label = pictures[0]
    (tmp_path / "digit.png").write_bytes(picture)
    url = f"http://{address}/servables/digits/read"
    command = ["curl", "-s", "--data-binary", f"@{tmp_path}/digit.png", "-H", "content-type: image/png", url]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert ran.stdout.startswith(f'{{"label":{label},"probabilities":[')


def test_what_is_no_picture_fails_alone(address: str, pictures: Pictures) -> None:
    with salver.Client(address) as client, pytest.raises(salver.InvalidCall, match="the image cannot be decoded"):
        client.infer("digits", {"image": np.array([b"none"], object)}, method="read")
    images = [pictures[0][0], b"none", pictures[1][0]]
    with salver.Client(address) as client, pytest.raises(salver.InvalidCall, match="the image cannot be decoded"):
        client.infer("digits", {"image": np.array(images, object)}, method="read")
