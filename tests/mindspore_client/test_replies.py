"""What the client makes of answers."""

import re
from typing import Any

import numpy as np
import pytest

from mindspore_serving.client import Client
from mindspore_serving.proto import ms_service_pb2 as pb

from .servers import Prepared

GOOD = pb.Instance(items={"y": pb.Tensor(dtype=pb.MS_INT8, shape=pb.TensorShape(dims=[1]), data=b"\x07")})
EMPTY = pb.Instance()
OK = pb.ErrorMsg()


def failed(text: bytes) -> pb.ErrorMsg:
    return pb.ErrorMsg(error_code=2, error_msg=text)


def answer(server: Prepared, reply: pb.PredictReply) -> Any:
    server.reply = reply
    return Client(server.address, "add", "add_common").infer([{"x": 1}])


def output(server: Prepared, **fields: Any) -> Any:
    reply = pb.PredictReply(instances=[pb.Instance(items={"y": pb.Tensor(**fields)})])
    return answer(server, reply)[0]["y"]


KINDS: list[tuple[pb.DataType, type[np.generic]]] = [
    (pb.MS_BOOL, np.bool_),
    (pb.MS_INT8, np.int8),
    (pb.MS_UINT8, np.uint8),
    (pb.MS_INT16, np.int16),
    (pb.MS_UINT16, np.uint16),
    (pb.MS_INT32, np.int32),
    (pb.MS_UINT32, np.uint32),
    (pb.MS_INT64, np.int64),
    (pb.MS_UINT64, np.uint64),
    (pb.MS_FLOAT16, np.float16),
    (pb.MS_FLOAT32, np.float32),
    (pb.MS_FLOAT64, np.float64),
]


@pytest.mark.parametrize("dims", [[], [1], [2, 3], [0], [1, 0]], ids=str)
@pytest.mark.parametrize(("dtype", "kind"), KINDS, ids=[kind.__name__ for _, kind in KINDS])
def test_numbers_become_read_only_arrays(
    server: Prepared, dtype: pb.DataType, kind: type[np.generic], dims: list[int]
) -> None:
    sent = (np.arange(6).reshape(2, 3) if dims == [2, 3] else np.ones(dims)).astype(kind)
    got = output(server, dtype=dtype, shape=pb.TensorShape(dims=dims), data=sent.tobytes())
    assert isinstance(got, np.ndarray)
    np.testing.assert_array_equal(got, sent, strict=True)
    assert not got.flags.writeable


@pytest.mark.parametrize(
    ("dtype", "sent", "expected"),
    [
        (pb.MS_STRING, ["größe".encode()], "größe"),
        (pb.MS_STRING, [b"a", b"b"], ["a", "b"]),
        (pb.MS_STRING, [], []),
        (pb.MS_BYTES, [b"\xff"], b"\xff"),
        (pb.MS_BYTES, [b"\xff", b""], [b"\xff", b""]),
    ],
)
@pytest.mark.parametrize("dims", [[], [1]], ids=str)
def test_text_and_bytes_come_bare(
    server: Prepared, dtype: pb.DataType, sent: list[bytes], expected: Any, dims: list[int]
) -> None:
    got = output(server, dtype=dtype, bytes_val=sent, shape=pb.TensorShape(dims=dims))
    assert type(got) is type(expected)
    assert got == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (pb.PredictReply(instances=[GOOD]), [{"y": 7}]),
        (pb.PredictReply(instances=[GOOD, GOOD]), [{"y": 7}, {"y": 7}]),
        (pb.PredictReply(), []),
        (pb.PredictReply(error_msg=[failed(b"no")]), {"error": "no"}),
        (pb.PredictReply(error_msg=[failed("nö".encode())]), {"error": "nö"}),
        (pb.PredictReply(error_msg=[failed(b"n\xff")]), {"error": "n\ufffd"}),
        (pb.PredictReply(error_msg=[failed(b"no")], instances=[GOOD, GOOD]), {"error": "no"}),
        (pb.PredictReply(error_msg=[OK], instances=[GOOD]), [{"y": 7}]),
        (
            pb.PredictReply(error_msg=[OK, failed(b"no"), OK], instances=[GOOD, EMPTY, GOOD]),
            [{"y": 7}, {"error": "no"}, {"y": 7}],
        ),
        (
            pb.PredictReply(error_msg=[failed(b"a"), failed(b"b")], instances=[EMPTY, EMPTY]),
            [{"error": "a"}, {"error": "b"}],
        ),
    ],
)
def test_forms_of_replies(server: Prepared, reply: pb.PredictReply, expected: Any) -> None:
    assert answer(server, reply) == expected


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (
            pb.PredictReply(error_msg=[OK, OK], instances=[GOOD]),
            "error msg result size 2 not be 0, 1 or length of instances 1",
        ),
        (
            pb.PredictReply(error_msg=[failed(b"a"), failed(b"b")]),
            "error msg result size 2 not be 0, 1 or length of instances 0",
        ),
        (pb.PredictReply(error_msg=[OK]), "error msg result size 1 not be 0, 1 or length of instances 0"),
        (
            pb.PredictReply(instances=[pb.Instance(items={"y": pb.Tensor()})]),
            "Output 'y' of the server's reply cannot be read: unknown data type 0",
        ),
        (
            pb.PredictReply(instances=[pb.Instance(items={"y": pb.Tensor(dtype=pb.MS_STRING, bytes_val=[b"\xff"])})]),
            "Output 'y' of the server's reply cannot be read: 'utf-8' codec can't decode byte 0xff",
        ),
        (
            pb.PredictReply(instances=[pb.Instance(items={"y": pb.Tensor(dtype=pb.MS_INT8, data=b"\x01\x02")})]),
            "Output 'y' of the server's reply cannot be read: cannot reshape array of size 2 into shape ()",
        ),
    ],
)
def test_replies_that_cannot_be_understood(server: Prepared, reply: pb.PredictReply, text: str) -> None:
    server.reply = reply
    client = Client(server.address, "add", "add_common")
    pending = client.infer_async({"x": 1})
    with pytest.raises(RuntimeError, match=f"^{re.escape(text)}"):
        client.infer({"x": 1})
    with pytest.raises(RuntimeError, match=f"^{re.escape(text)}"):
        pending.result()
