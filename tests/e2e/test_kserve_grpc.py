"""The unmodified gRPC client of Triton."""

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.http
from support.arrays import Array, rows_of
from support.models import IDENTITIES
from tritonclient.utils import InferenceServerException, np_to_triton_dtype


@pytest.fixture
def grpc(address: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(address) as client:
        yield client


def tensor(name: str, array: Array) -> triton.InferInput:
    given = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array)
    return given


def test_the_server_is_live_ready_and_says_what_it_is(grpc: triton.InferenceServerClient) -> None:
    assert grpc.is_server_live()
    assert grpc.is_server_ready()
    assert grpc.is_model_ready("add")
    assert grpc.get_server_metadata().name == "salver"


def test_metadata_has_minus_one_for_rows_and_for_any_length(grpc: triton.InferenceServerClient) -> None:
    shapes = {
        name: [list(each.shape) for each in grpc.get_model_metadata(name).inputs]
        for name in ("add", "scaled", "any_length", "averaging")
    }
    assert shapes == {"add": [[2, 2], [2, 2]], "scaled": [[-1, 2]], "any_length": [[-1, -1]], "averaging": [[-1, 2]]}
    metadata = grpc.get_model_metadata("scaled")
    assert (metadata.platform, list(metadata.versions), metadata.outputs[0].datatype) == ("onnx", ["1", "2"], "FP32")


@pytest.mark.parametrize("dtype", IDENTITIES)
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_every_element_type_comes_back_as_it_went(grpc: triton.InferenceServerClient, dtype: str, rows: int) -> None:
    array = rows_of(dtype, rows)
    again = grpc.infer(f"identity_{dtype}", [tensor("x", array)]).as_numpy("y")
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


def test_numbers_add_up(grpc: triton.InferenceServerClient) -> None:
    x = np.arange(4, dtype=np.float32).reshape(2, 2)
    result = grpc.infer("add", [tensor("x2", 2 * x), tensor("x1", x)])
    np.testing.assert_array_equal(result.as_numpy("y"), 3 * x)


def test_a_version_is_the_newest_unless_it_is_named(grpc: triton.InferenceServerClient) -> None:
    x = tensor("x", np.ones((3, 2), np.float32))
    factors = {version: grpc.infer("scaled", [x], version).as_numpy("y")[0, 0] for version in ("", "1", "2")}
    assert factors == {"": 2, "1": 1, "2": 2}


def test_one_row_may_come_without_its_leading_dimension(grpc: triton.InferenceServerClient) -> None:
    result = grpc.infer("scaled", [tensor("x", np.ones(2, np.float32))]).as_numpy("y")
    assert result.ravel().tolist() == [2, 2]


def test_the_method_may_be_part_of_the_name(grpc: triton.InferenceServerClient) -> None:
    x = tensor("x", np.ones((1, 2), np.float32))
    assert grpc.infer("scaled.predict", [x]).as_numpy("y").tolist() == [[2, 2]]


def test_the_id_comes_back_and_outputs_can_be_chosen(grpc: triton.InferenceServerClient) -> None:
    x = tensor("x", np.ones((1, 2), np.float32))
    result = grpc.infer("scaled", [x], request_id="number 7", outputs=[triton.InferRequestedOutput("y")])
    assert result.get_response().id == "number 7"


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_messages_may_be_compressed(grpc: triton.InferenceServerClient, algorithm: str) -> None:
    array = np.zeros((1000, 2), np.float32)
    result = grpc.infer("scaled", [tensor("x", array)], compression_algorithm=algorithm)
    np.testing.assert_array_equal(result.as_numpy("y"), array)


def test_many_calls_at_once_each_get_their_own_answer(grpc: triton.InferenceServerClient) -> None:
    answers: queue.Queue[tuple[int, Any, Any]] = queue.Queue()
    for value in range(500):
        x = tensor("x", np.full((1 + value % 3, 2), value, np.float32))
        grpc.async_infer("scaled", [x], lambda result, error, value=value: answers.put((value, result, error)))
    for _ in range(500):
        value, result, error = answers.get(timeout=30)
        assert error is None
        np.testing.assert_array_equal(result.as_numpy("y"), np.full((1 + value % 3, 2), 2 * value))


def test_large_tensors_come_back_whole(grpc: triton.InferenceServerClient) -> None:
    array = np.random.default_rng(0).random((1, 3_000_000), np.float32)
    again = grpc.infer("any_length", [tensor("x", array)]).as_numpy("y")
    np.testing.assert_array_equal(again, array)


def test_an_unknown_model_has_a_status_not_a_false(grpc: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="'nowhere' is not found"):
        grpc.is_model_ready("nowhere")


@pytest.mark.parametrize(
    ("model", "version", "inputs", "text"),
    [
        ("nowhere", "", {"x": [[1.0, 2.0]]}, "Request for unknown model: 'nowhere' is not found"),
        ("scaled", "9", {"x": [[1.0, 2.0]]}, "Request for unknown model: 'scaled' version 9 is not found"),
        ("scaled", "new", {"x": [[1.0, 2.0]]}, "failed to get model version from specified version string 'new'"),
        ("scaled", "", {}, "expected 1 inputs but got 0 inputs for model 'scaled'"),
        ("scaled", "", {"z": [[1.0, 2.0]]}, "unexpected inference input 'z' for model 'scaled'"),
        ("add", "", {"x1": [[1.0, 2.0]] * 2}, "missing required input(s) ['x2']"),
        ("scaled", "", {"x": [[1, 2]]}, "inference input 'x' data-type is 'INT64', but model 'scaled' expects 'FP32'"),
        ("scaled", "", {"x": [[1.0, 2.0, 3.0]]}, "unexpected shape for input 'x' for model 'scaled'"),
        ("add", "", {"x1": [[1.0]], "x2": [[1.0]]}, "unexpected shape for input 'x1' for model 'add'"),
    ],
)
def test_bad_calls_are_told_in_the_protocols_words(
    grpc: triton.InferenceServerClient, model: str, version: str, inputs: dict[str, object], text: str
) -> None:
    def array(value: object) -> Array:
        whole = np.array(value)
        return whole.astype(np.float32) if whole.dtype.kind == "f" else whole

    with pytest.raises(InferenceServerException) as refused:
        grpc.infer(model, [tensor(name, array(value)) for name, value in inputs.items()], version)
    assert text in refused.value.message()
    assert grpc.is_server_ready()


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("get_model_config", ["add"]),
        ("get_inference_statistics", ["add"]),
        ("load_model", ["add"]),
        ("unload_model", ["add"]),
        ("get_trace_settings", []),
        ("get_log_settings", []),
        ("get_system_shared_memory_status", []),
        ("get_cuda_shared_memory_status", []),
    ],
)
def test_what_docs_say_is_not_there_is_told_so(
    address: str, grpc: triton.InferenceServerClient, method: str, arguments: list[str]
) -> None:
    with pytest.raises(InferenceServerException) as refused:
        getattr(grpc, method)(*arguments)
    assert refused.value.status() == "StatusCode.UNIMPLEMENTED"
    with (
        tritonclient.http.InferenceServerClient(address) as http,
        pytest.raises(InferenceServerException) as refused,
    ):
        getattr(http, method)(*arguments)
    assert refused.value.status() == "404"


def test_class_labels_and_shared_memory_are_refused(grpc: triton.InferenceServerClient) -> None:
    x = [tensor("x", np.ones((1, 2), np.float32))]
    labelled, shared = triton.InferRequestedOutput("y", class_count=1), triton.InferRequestedOutput("y")
    shared.set_shared_memory("region", 8)
    for output in (labelled, shared):
        with pytest.raises(InferenceServerException) as refused:
            grpc.infer("scaled", x, outputs=[output])
        assert refused.value.status() == "StatusCode.UNIMPLEMENTED"
