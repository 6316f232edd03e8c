"""What releases 1.1 to 1.4 had besides starting; starting itself is tested in `tests/mindspore_server`."""

import pytest

from mindspore_serving import worker


@pytest.mark.parametrize("device_type", ["Ascend", "DAVINCI", "None", "gpu", None])
def test_the_context_of_release_1_1_takes_a_device(device_type: str | None) -> None:
    worker.context.set_context(device_type=device_type, device_id=3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"device": 1}, "Not support context key 'device'"),
        ({"device_id": -1}, "Parameter 'device_id' should be >= 0"),
        ({"device_id": "0"}, "Parameter 'device_id' should be int, but actually <class 'str'>"),
        ({"device_type": 1}, "Parameter 'device_type' should be str, but actually <class 'int'>"),
        (
            {"device_type": "TPU"},
            "Unsupported device type 'TPU', only support 'Ascend', 'GPU', 'CPU' and None, case ignored",
        ),
    ],
)
def test_and_nothing_else(options: dict[str, object], text: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        worker.context.set_context(**options)
    assert str(raised.value) == text
