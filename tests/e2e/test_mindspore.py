"""Clients of MindSpore Serving, which call the method `predict` of a model."""

import numpy as np
import pytest

from mindspore_serving.client import Client


def instance(value: float) -> dict[str, object]:
    return {"x1": np.full((2, 2), value, np.float32), "x2": np.ones((2, 2), np.float32)}


@pytest.fixture(params=["add", "add_rows"])
def servable(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_instance_has_its_answer_in_its_place(address: str, servable: str) -> None:
    replies = Client(address, servable, "predict").infer([instance(value) for value in range(5)])
    assert [reply["y"].tolist() for reply in replies] == [[[value + 1] * 2] * 2 for value in range(5)]


def test_the_older_form_of_the_client_works(address: str, servable: str) -> None:
    ip, port = address.split(":")
    [reply] = Client(ip, int(port), servable, "predict").infer(instance(4))
    assert reply["y"].tolist() == [[5, 5], [5, 5]]


def test_asynchronous_calls_work(address: str, servable: str) -> None:
    calls = [Client(address, servable, "predict").infer_async(instance(value)) for value in range(4)]
    assert [call.result()[0]["y"][0][0] for call in calls] == [1, 2, 3, 4]


def test_a_version_can_be_named(address: str) -> None:
    row = {"x": np.ones(2, np.float32)}
    factors = [
        Client(address, "scaled", "predict", version_number=version).infer(row)[0]["y"][0] for version in (0, 1, 2)
    ]
    assert factors == [2, 1, 2]


def test_one_wrong_instance_fails_alone(address: str, servable: str) -> None:
    wrong = {"x1": np.ones((2, 2), np.int32), "x2": np.ones((2, 2), np.float32)}
    good, bad, last = Client(address, servable, "predict").infer([instance(1), wrong, instance(2)])
    assert (good["y"][0][0], last["y"][0][0]) == (2, 3)
    assert bad == {
        "error": "Given model input 0 data type kMSI_Int32 not match the data type kMSI_Float32 defined in model"
    }


@pytest.mark.parametrize(
    ("servable", "method", "inputs", "text"),
    [
        ("nowhere", "predict", {}, "Request servable(nowhere) method(predict) , servable is not available"),
        ("add", "forget", {}, "Request servable(add) method(forget) , method is not available"),
        ("add", "predict", {"x1": np.ones((2, 2), np.float32)}, "Cannot find input x2 in instance input"),
        (
            "add",
            "predict",
            {"x1": np.ones((2, 3), np.float32), "x2": np.ones((2, 2), np.float32)},
            "Given model input 0 size 24 not match the size 16 defined in model",
        ),
    ],
)
def test_errors_have_the_words_that_its_clients_know(
    address: str, servable: str, method: str, inputs: dict[str, object], text: str
) -> None:
    reply = Client(address, servable, method).infer([inputs])
    assert isinstance(reply, dict)
    assert text in reply["error"]


def test_text_is_a_value_like_any_other(address: str) -> None:
    [reply] = Client(address, "text", "predict").infer({"x": "schön"})
    assert reply == {"y": "schön"}
