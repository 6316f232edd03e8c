from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
from support.http import post

from mindspore_serving.client import Client
from salver.testing.server import running

from .conftest import Example

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
Pictures = list[tuple[bytes, int]]


@pytest.fixture(scope="module")
def servable(example: Example) -> Path:
    return example("image_classifier")


@pytest.fixture(scope="module")
def address(servable: Path) -> Iterator[str]:
    with running(servable) as server:
        assert "    model.onnx: batched: up to 64 rows\n" in server.output
        yield server.address


def images(pictures: Pictures) -> triton_grpc.InferInput:
    array = np.array([picture for picture, _ in pictures], object)
    sent = triton_grpc.InferInput("image", list(array.shape), "BYTES")
    sent.set_data_from_numpy(array)
    return sent


def test_pictures_are_classified_in_one_request(address: str, pictures: Pictures) -> None:
    with triton_grpc.InferenceServerClient(address) as client:
        found = client.infer("image_classifier", [images(pictures)]).as_numpy("output")
    right = [word.decode() == WORDS[label] for word, (_, label) in zip(found, pictures, strict=True)]
    assert sum(right) >= 0.95 * len(pictures)


def test_a_client_of_mindspore_serving_sends_pictures(address: str, pictures: Pictures) -> None:
    instances = [{"image": picture} for picture, _ in pictures[:3]] + [{"image": b"none"}]
    *good, bad = Client(address, "image_classifier", "classify").infer(instances)
    assert [each["output"] for each in good] == [WORDS[label] for _, label in pictures[:3]]
    assert "the image cannot be decoded" in bad["error"]


def test_k_may_be_left_out(address: str, pictures: Pictures) -> None:
    picture, label = pictures[0]
    reply = post(address, "/servables/image_classifier/top_k", picture, {"Content-Type": "image/png"}).json
    assert [len(reply["output"]), reply["output"][0]["label"]] == [3, WORDS[label]]
    scores = [each["score"] for each in reply["output"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("k", [1, 10])
def test_k_is_how_many_labels_there_are(address: str, pictures: Pictures, k: int) -> None:
    form = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field
        for field in ((b"image", pictures[0][0]), (b"k", b"%d" % k))
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    reply = post(address, "/servables/image_classifier/top_k", form + b"--b--\r\n", headers)
    assert len(reply.json["output"]) == k


def test_a_k_that_cannot_be_is_told(address: str, pictures: Pictures) -> None:
    k = triton_grpc.InferInput("k", [1], "INT64")
    k.set_data_from_numpy(np.array([11]))
    with (
        triton_grpc.InferenceServerClient(address) as client,
        pytest.raises(Exception, match="k is 11, but there are 10 labels"),
    ):
        client.infer("image_classifier.top_k", [images(pictures[:1]), k])


def test_pictures_of_one_digit_look_alike(address: str, pictures: Pictures) -> None:
    with triton_grpc.InferenceServerClient(address) as client:
        seen = client.infer("image_classifier.features", [images(pictures)]).as_numpy("output")
    assert seen.shape == (len(pictures), 144)
    seen = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    likeness, labels = seen @ seen.T, np.array([label for _, label in pictures])
    same = labels[:, np.newaxis] == labels
    assert likeness[same & ~np.eye(len(labels), dtype=bool)].mean() > likeness[~same].mean()
