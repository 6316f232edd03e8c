"""What the client puts on the wire."""

from typing import Any

import numpy as np
import pytest

from mindspore_serving.client import Client
from mindspore_serving.proto import ms_service_pb2 as pb

from .servers import Prepared

MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


def tensor(dtype: pb.DataType, dims: list[int], data: bytes) -> pb.Tensor:
    return pb.Tensor(dtype=dtype, shape=pb.TensorShape(dims=dims), data=data)


def texts(dtype: pb.DataType, value: bytes) -> pb.Tensor:
    return pb.Tensor(dtype=dtype, shape=pb.TensorShape(dims=[1]), bytes_val=[value])


ENCODINGS: list[tuple[Any, pb.Tensor]] = [
    (np.array([True, False]), tensor(pb.MS_BOOL, [2], b"\x01\x00")),
    (np.array([-1], np.int8), tensor(pb.MS_INT8, [1], b"\xff")),
    (np.array([255], np.uint8), tensor(pb.MS_UINT8, [1], b"\xff")),
    (np.array([-2], np.int16), tensor(pb.MS_INT16, [1], b"\xfe\xff")),
    (np.array([1], np.uint16), tensor(pb.MS_UINT16, [1], b"\x01\x00")),
    (np.array([-2], np.int32), tensor(pb.MS_INT32, [1], b"\xfe\xff\xff\xff")),
    (np.array([1], np.uint32), tensor(pb.MS_UINT32, [1], b"\x01\x00\x00\x00")),
    (np.array([-1], np.int64), tensor(pb.MS_INT64, [1], b"\xff" * 8)),
    (np.array([1], np.uint64), tensor(pb.MS_UINT64, [1], b"\x01" + b"\x00" * 7)),
    (np.array([1], np.float16), tensor(pb.MS_FLOAT16, [1], b"\x00\x3c")),
    (np.array([1], np.float32), tensor(pb.MS_FLOAT32, [1], b"\x00\x00\x80\x3f")),
    (np.array([1], np.float64), tensor(pb.MS_FLOAT64, [1], b"\x00\x00\x00\x00\x00\x00\xf0\x3f")),
    (MATRIX, tensor(pb.MS_FLOAT32, [2, 3], MATRIX.tobytes())),
    (MATRIX.T, tensor(pb.MS_FLOAT32, [3, 2], MATRIX.T.copy().tobytes())),
    (np.zeros((2, 0), np.int32), tensor(pb.MS_INT32, [2, 0], b"")),
    (np.array(5, np.int16), tensor(pb.MS_INT16, [], b"\x05\x00")),
    (np.int8(5), tensor(pb.MS_INT8, [], b"\x05")),
    (np.float64(1), tensor(pb.MS_FLOAT64, [], b"\x00\x00\x00\x00\x00\x00\xf0\x3f")),
    (True, tensor(pb.MS_BOOL, [1], b"\x01")),
    (-1, tensor(pb.MS_INT64, [1], b"\xff" * 8)),
    (1.0, tensor(pb.MS_FLOAT64, [1], b"\x00\x00\x00\x00\x00\x00\xf0\x3f")),
    ("größe", texts(pb.MS_STRING, b"gr\xc3\xb6\xc3\x9fe")),
    ("", texts(pb.MS_STRING, b"")),
    (b"\x00\xff", texts(pb.MS_BYTES, b"\x00\xff")),
]


@pytest.mark.parametrize(("value", "expected"), ENCODINGS, ids=[repr(value) for value, _ in ENCODINGS])
def test_a_value_is_sent_as_a_tensor(server: Prepared, value: Any, expected: pb.Tensor) -> None:
    Client(server.address, "add", "add_common").infer({"x": value})
    assert dict(server.requests[0].instances[0].items) == {"x": expected}


def test_a_request_names_servable_method_and_version(server: Prepared) -> None:
    Client(server.address, "add", "add_common", 3).infer({"x": 1})
    expected = pb.ServableSpec(name="add", method_name="add_common", version_number=3)
    assert server.requests[0].servable_spec == expected


def test_the_older_form_sends_the_same_request(server: Prepared) -> None:
    ip, port = server.address.split(":")
    Client(server.address, "add", "add_common", version_number=2).infer({"x": 1})
    Client(ip, int(port), "add", "add_common", version_number=2).infer({"x": 1})
    assert server.requests[0] == server.requests[1]


def test_the_bytes_of_a_request() -> None:
    request = Client("localhost:1", "add", "m", 1)._request([{"x": np.array([1, 2], np.int8)}, {"s": "hi"}])
    assert (
        request.SerializeToString(deterministic=True)
        == (
            b"\x0a\x0a" + b"\x0a\x03add" + b"\x12\x01m" + b"\x18\x01"  # servable_spec
            b"\x12\x12" + b"\x0a\x10" + b"\x0a\x01x" + b"\x12\x0b"  # an instance: an item: its name, its tensor
            b"\x0a\x03\x0a\x01\x02" + b"\x10\x02" + b"\x1a\x02\x01\x02"  # shape, dtype, data
            b"\x12\x12" + b"\x0a\x10" + b"\x0a\x01s" + b"\x12\x0b"
            b"\x0a\x03\x0a\x01\x01" + b"\x10\x0d" + b"\x22\x02hi"  # shape, dtype, bytes_val
        )
    )


@pytest.mark.parametrize("instances", [[{"x": 1}, {"x": 2}], ({"x": 1}, {"x": 2})], ids=["list", "tuple"])
def test_instances_keep_their_order(server: Prepared, instances: Any) -> None:
    Client(server.address, "add", "add_common").infer(instances)
    sent = [np.frombuffer(each.items["x"].data, np.int64).tolist() for each in server.requests[0].instances]
    assert sent == [[1], [2]]


def test_no_instances_are_sent_as_none(server: Prepared) -> None:
    assert Client(server.address, "add", "add_common").infer([]) == []
    assert len(server.requests[0].instances) == 0


REFUSED: list[tuple[Any, str]] = [
    ("text", "instance should be a map"),
    ("", "instance should be a map"),
    (None, "instance should be a map"),
    ([{"x": 1}, [1, 2]], "instance should be a map"),
    ({1: 2}, "The name of an instance's input should be str, but actually <class 'int'>"),
    ({"x": [1, 2]}, "Not support value type <class 'list'>"),
    ({"x": None}, "Not support value type <class 'NoneType'>"),
    ({"x": np.bool_(True)}, f"Not support value type {np.bool_}"),
    ({"x": bytearray(b"x")}, "Not support value type <class 'bytearray'>"),
    ({"x": np.array(["text"])}, "Unknown data type <U4"),
    ({"x": np.array([1j])}, "Unknown data type complex128"),
    ({"x": np.array([None])}, "Unknown data type object"),
    ({"x": np.array([1], ">f4")}, "Unknown data type >f4"),
    ({"x": 2**70}, "Unknown data type object"),
]


@pytest.mark.parametrize("call", ["infer", "infer_async"])
@pytest.mark.parametrize(("instances", "text"), REFUSED, ids=[repr(instances) for instances, _ in REFUSED])
def test_what_cannot_be_sent_is_refused(call: str, instances: Any, text: str) -> None:
    client = Client("localhost:1", "add", "add_common")
    with pytest.raises(RuntimeError) as raised:
        getattr(client, call)(instances)
    assert str(raised.value) == text
