"""Deadlines, cancellation, and what is too much: refused in words that name the option, and nothing breaks."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from support.http import get, post, request
from support.waiting import metric, running, until

from salver.client import messages
from salver.client.api import Client
from salver.client.errors import DeadlineExceeded, InvalidCall, ResourceExhausted, Unavailable
from salver.testing import server as testing

PREDICT = "/mindspore.serving.proto.MSService/Predict"
INFER = "/inference.GRPCInferenceService/ModelInfer"


@pytest.fixture(scope="module")
def small(models: Path) -> Iterator[str]:
    """A server that takes little."""
    limits = ("--max-message-mib", "1", "--max-calls", "3", "--max-header-kib", "4", "--header-timeout-s", "1")
    with testing.running(models, *limits) as server:
        yield server.address


def raw(channel: grpc.Channel, path: str, body: bytes) -> bytes:
    reply: bytes = channel.unary_unary(path)(body, timeout=30)
    return reply


def steps(count: int) -> dict[str, object]:
    return {"steps": np.array([count])}


def test_a_call_that_is_late_is_told_and_what_waits_is_never_run(address: str) -> None:
    with Client(address) as client, ThreadPoolExecutor() as pool:
        long = pool.submit(client.infer, "slow", steps(300), timeout=40)
        until(lambda: running(address, "slow"))
        dropped = metric(address, "salver_rows_dropped_total", servable="slow")
        with pytest.raises(DeadlineExceeded):
            client.infer("slow", steps(1), timeout=0.05)
        assert long.result()["done"].tolist() == [300]
        until(lambda: metric(address, "salver_rows_dropped_total", servable="slow") == dropped + 1)


def test_a_call_that_is_cancelled_while_it_waits_is_never_run(address: str) -> None:
    with Client(address) as client, ThreadPoolExecutor() as pool, grpc.insecure_channel(address) as channel:
        long = pool.submit(client.infer, "slow", steps(300), timeout=40)
        until(lambda: running(address, "slow"))
        dropped = metric(address, "salver_rows_dropped_total", servable="slow")
        body = messages.ModelInferRequest(model_name="slow")
        body.inputs.add(name="steps", datatype="INT64", shape=[1])
        body.raw_input_contents.append(np.array([1]).tobytes())
        waiting = channel.unary_unary(INFER).future(body.SerializeToString(), timeout=40)
        until(lambda: metric(address, "salver_waiting_rows", servable="slow") == 1)
        waiting.cancel()
        assert long.result()["done"].tolist() == [300]
        until(lambda: metric(address, "salver_rows_dropped_total", servable="slow") == dropped + 1)


def test_a_caller_over_http_who_hangs_up_is_not_waited_for(address: str) -> None:
    with Client(address) as client, ThreadPoolExecutor() as pool:
        long = pool.submit(client.infer, "slow", steps(300), timeout=40)
        until(lambda: running(address, "slow"))
        dropped = metric(address, "salver_rows_dropped_total", servable="slow")
        host, port = address.split(":")
        with socket.create_connection((host, int(port))) as connection:
            body = b'{"steps":[1]}'
            head = f"POST /servables/slow HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            until(lambda: metric(address, "salver_waiting_rows", servable="slow") == 1)
        assert long.result()["done"].tolist() == [300]
        until(lambda: metric(address, "salver_rows_dropped_total", servable="slow") == dropped + 1)


def test_a_message_that_is_too_large_names_the_limit_and_its_option(small: str) -> None:
    large = np.zeros((1, 300_000), np.float32)
    with Client(small) as client:
        with pytest.raises(ResourceExhausted, match="--max-message-mib") as refused:
            client.infer("any_length", {"x": large}, timeout=30)
        assert "1048576" in str(refused.value)
        assert client.infer("any_length", {"x": large[:, :1000]}, timeout=30)["y"].shape == (1, 1000)
    reply = post(small, "/servables/text", b"x" * 2_000_000, {"Content-Type": "application/octet-stream"})
    assert reply.status in (413, 429)
    assert b"--max-message-mib" in reply.body


def test_a_small_message_that_unpacks_to_a_large_one_is_refused(small: str) -> None:
    with grpc.insecure_channel(small, compression=grpc.Compression.Gzip) as channel:
        body = messages.ModelInferRequest(model_name="any_length", raw_input_contents=[bytes(50_000_000)])
        with pytest.raises(grpc.RpcError) as refused:
            raw(channel, INFER, body.SerializeToString())
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "--max-message-mib" in refused.value.details()


def test_too_many_calls_are_refused_at_the_door(small: str) -> None:
    with Client(small) as client, ThreadPoolExecutor() as pool:
        calls = [pool.submit(client.infer, "slow", steps(100), timeout=50) for _ in range(3)]
        until(lambda: metric(small, "salver_calls_in_flight") == 3)
        with pytest.raises(Unavailable, match=r"Exceeds maximum queue size.*--max-calls"):
            client.infer("text", {"x": ["a"]}, timeout=30)
        reply = post(small, "/servables/text", {"x": "a"})
        assert (reply.status, "--max-calls" in reply.json["error"]["message"]) == (429, True)
        assert [call.result()["done"].tolist() for call in calls] == [[100]] * 3
        until(lambda: get(small, "/servables").status == 200)


def test_headers_that_are_too_large_are_refused(small: str) -> None:
    reply = request(small, "GET", "/servables", headers={"X-Long": "x" * 100_000})
    assert reply.status == 431
    assert get(small, "/servables").status == 200


def test_a_caller_who_never_finishes_a_header_is_hung_up_on(small: str) -> None:
    host, port = small.split(":")
    for beginning in (b"", b"GET /servables HTTP/1.1\r\nX-Slow: ", b"PRI * HT"):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(beginning)
            while connection.recv(1000):
                pass


@pytest.mark.parametrize("path", [INFER, PREDICT])
@pytest.mark.parametrize("body", [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x08" * 50, bytes(1000)])
def test_what_is_no_message_is_an_invalid_argument(address: str, path: str, body: bytes) -> None:
    with grpc.insecure_channel(address) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            raw(channel, path, body)
        assert refused.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)
        assert refused.value.details()
    assert get(address, "/v2/health/ready").status == 200


def test_an_unknown_method_is_unimplemented(address: str) -> None:
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as refused:
        raw(channel, "/some.Service/Method", b"")
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("shape", [[2**62, 2**62], [-1, 3], [2**40, 3], [-(2**63)], []])
def test_declared_shapes_that_cannot_be_are_refused(address: str, shape: list[int]) -> None:
    body = messages.ModelInferRequest(model_name="identity_float32", raw_input_contents=[bytes(12)])
    body.inputs.add(name="x", datatype="FP32", shape=shape)
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as refused:
        raw(channel, INFER, body.SerializeToString())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "'x'" in refused.value.details()


def test_what_is_neither_http_nor_grpc_is_closed(address: str) -> None:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"\0\1\2 this is nothing\r\n\r\n")
        assert not connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert get(address, "/v2/health/ready").status == 200


def test_a_call_without_rows_is_refused(address: str) -> None:
    with Client(address) as client, pytest.raises(InvalidCall, match="must be >= 1"):
        client.infer("identity_float32", {"x": np.zeros((0, 3), np.float32)}, timeout=30)
