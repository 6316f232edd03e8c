"""Calls that fail on the way: `infer` returns a dict and prints three lines, `infer_async` raises."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NoReturn

import grpc
import numpy as np
import pytest

from mindspore_serving.client import Client
from mindspore_serving.proto import ms_service_pb2 as pb
from salver.client.mindspore import ClientGrpcAsyncError, ClientGrpcAsyncResult

from .servers import Prepared


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a port where nobody listens, kept from others."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def test_a_status_becomes_a_dict_and_is_printed(server: Prepared, capsys: pytest.CaptureFixture[str]) -> None:
    server.failure = (grpc.StatusCode.UNAVAILABLE, "gone home")
    result = Client(server.address, "add", "add_common").infer({"x": 1})
    assert result == {"error": "Grpc Error, (14, 'unavailable'), gone home"}
    assert capsys.readouterr().out == "gone home\nUNAVAILABLE\n(14, 'unavailable')\n"


def test_nobody_listens(nobody: str) -> None:
    result: Any = Client(nobody, "add", "add_common").infer({"x": 1})
    assert result["error"].startswith("Grpc Error, (14, 'unavailable'), ")


def test_a_message_too_large_for_the_server(server: Prepared) -> None:
    result: Any = Client(server.address, "add", "add_common").infer({"x": np.zeros(2 << 20, np.uint8)})
    assert result["error"].startswith("Grpc Error, (8, 'resource exhausted'), ")


def test_a_reply_above_grpcs_own_limit_of_4_mib(server: Prepared) -> None:
    image = pb.Tensor(dtype=pb.MS_BYTES, bytes_val=[bytes(6 << 20)])
    server.reply = pb.PredictReply(instances=[pb.Instance(items={"image": image})])
    result: Any = Client(server.address, "add", "add_common").infer({"x": 1})
    assert len(result[0]["image"]) == 6 << 20


def test_a_pending_result_raises_a_status(server: Prepared, capsys: pytest.CaptureFixture[str]) -> None:
    server.failure = (grpc.StatusCode.UNAVAILABLE, "gone home")
    pending = Client(server.address, "add", "add_common").infer_async({"x": 1})
    with pytest.raises(grpc.RpcError, match="gone home"):
        pending.result()
    assert capsys.readouterr().out == ""


def test_many_results_may_be_pending(server: Prepared) -> None:
    y = pb.Tensor(dtype=pb.MS_STRING, bytes_val=[b"yes"])
    server.reply = pb.PredictReply(instances=[pb.Instance(items={"y": y})])
    client = Client(server.address, "add", "add_common")
    pending = [client.infer_async({"x": number}) for number in range(20)]
    assert all(isinstance(each, ClientGrpcAsyncResult) for each in pending)
    assert [each.result() for each in pending] == [[{"y": "yes"}]] * 20
    assert pending[0].result() == [{"y": "yes"}]


def _unserializable(_: pb.PredictRequest) -> NoReturn:
    raise ValueError("too large")


def test_what_cannot_be_submitted_gives_a_dict(server: Prepared, capsys: pytest.CaptureFixture[str]) -> None:
    client = Client(server.address, "add", "add_common")
    client.stub.Predict = client.channel.unary_unary("/Predict", request_serializer=_unserializable)
    failed = client.infer_async({"x": 1})
    assert isinstance(failed, ClientGrpcAsyncError)
    assert failed.result() == {"error": "Grpc Error, (13, 'internal'), Exception serializing request!"}
    assert capsys.readouterr().out == "Exception serializing request!\nINTERNAL\n(13, 'internal')\n"
