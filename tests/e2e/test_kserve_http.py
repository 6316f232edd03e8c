"""The unmodified HTTP client of Triton, and the protocol's JSON by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as triton
from support.arrays import Array, rows_of
from support.http import get, post
from support.models import IDENTITIES
from tritonclient.utils import InferenceServerException, np_to_triton_dtype


@pytest.fixture
def http(address: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(address) as client:
        yield client


def tensor(name: str, array: Array, binary: bool = True) -> triton.InferInput:
    given = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array, binary_data=binary)
    return given


def test_the_server_is_live_ready_and_says_what_it_is(http: triton.InferenceServerClient) -> None:
    assert http.is_server_live()
    assert http.is_server_ready()
    assert http.is_model_ready("add")
    assert not http.is_model_ready("nowhere")
    assert http.get_server_metadata()["name"] == "salver"
    assert http.get_model_metadata("scaled", "1")["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]


@pytest.mark.parametrize("dtype", IDENTITIES)
@pytest.mark.parametrize("rows", [1, 50])
def test_every_element_type_comes_back_in_binary(http: triton.InferenceServerClient, dtype: str, rows: int) -> None:
    array = rows_of(dtype, rows)
    again = http.infer(f"identity_{dtype}", [tensor("x", array)]).as_numpy("y")
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("dtype", [each for each in IDENTITIES if each not in ("float16", "bfloat16")])
def test_every_type_that_json_can_say_comes_back_in_json(http: triton.InferenceServerClient, dtype: str) -> None:
    array = rows_of(dtype)
    outputs = [triton.InferRequestedOutput("y", binary_data=False)]
    again = http.infer(f"identity_{dtype}", [tensor("x", array, binary=False)], outputs=outputs).as_numpy("y")
    if dtype == "str":
        again = np.array([value.encode() if isinstance(value, str) else value for value in again.ravel()], dtype=object)
        again = again.reshape(array.shape)
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_bodies_may_be_compressed_both_ways(http: triton.InferenceServerClient, algorithm: str) -> None:
    array = np.zeros((5000, 2), np.float32)
    result = http.infer(
        "scaled",
        [tensor("x", array)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    np.testing.assert_array_equal(result.as_numpy("y"), array)


def test_json_may_be_nested_or_flat_and_comes_back_flat(address: str) -> None:
    for data in ([[1, 2], [3, 4]], [1, 2, 3, 4]):
        body = {"id": "a", "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": data}]}
        reply = post(address, "/v2/models/scaled/versions/2/infer", body)
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.json["id"] == "a"
        assert reply.json["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [2, 2], "data": [2, 4, 6, 8]}]


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("nowhere/infer", {"inputs": []}, 400, "Request for unknown model: 'nowhere' is not found"),
        ("scaled/versions/9/infer", {"inputs": []}, 404, "version 9 is not found"),
        ("scaled/infer", b"{", 400, "failed to parse the request JSON buffer"),
        ("scaled/infer", {}, 400, "'inputs'"),
        ("scaled/infer", {"inputs": []}, 400, "expected 1 inputs but got 0"),
        (
            "scaled/infer",
            {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1]}]},
            500,
            "Unable to parse 'data': Shape does not match true shape of 'data' field",
        ),
        (
            "scaled/infer",
            {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2**62, 2**62], "data": [1]}]},
            None,
            "",
        ),
        (
            "identity_float16/infer",
            {"inputs": [{"name": "x", "datatype": "FP16", "shape": [1, 3], "data": [1, 2, 3]}]},
            400,
            "receiving FP16 data via JSON is not supported",
        ),
    ],
)
def test_bad_calls_are_told_in_the_protocols_words(
    address: str, path: str, body: object, status: int | None, text: str
) -> None:
    reply = post(address, f"/v2/models/{path}", body)
    assert reply.status == status if status else 400 <= reply.status < 600
    assert text in reply.json["error"]
    assert get(address, "/v2/health/ready").status == 200


def test_the_client_raises_what_the_server_said(http: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="unexpected shape for input 'x'"):
        http.infer("scaled", [tensor("x", np.ones((1, 3), np.float32))])
