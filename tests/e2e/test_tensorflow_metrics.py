"""The page of metrics by TensorFlow Serving's names, and how long calls over REST may take."""

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from support.http import get, post
from support.managed import add_version
from support.models import slow
from support.tensorflow import predict
from support.waiting import until

from examples.models import write
from salver.testing.server import Server, running

PATH = "/monitoring/prometheus/metrics"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("models")
    add_version(folder, 1)
    write(slow(), folder, "slow", 1)
    with running(folder, "--tensorflow-metrics", PATH, "--http-timeout-s", "0.5") as server:
        yield server


def sample(server: Server, name: str, *labels: str) -> float:
    """The value of the sample of this name that has all these labels."""
    for line in get(server.address, PATH).body.decode().splitlines():
        found = re.fullmatch(rf":tensorflow:serving:{name}\{{(.*)\}} (\S+)", line)
        if found and all(label in found[1] for label in labels):
            return float(found[2])
    return 0.0


def test_calls_are_counted_and_timed_by_the_names_of_the_original(server: Server) -> None:
    predict(server.address, {"x": np.ones((3, 2), np.float32)}, name="m")
    assert post(server.address, "/v1/models/m:predict", {"instances": [[1, 1]]}).status == 200
    assert post(server.address, "/v1/models/m:predict", {"instances": [[1]]}).status == 400
    with pytest.raises(grpc.RpcError):
        predict(server.address, {"x": np.ones((1, 2), np.float32)}, name="nobody")
    until(lambda: sample(server, "request_count", 'model_name="m"', 'status="OK"') == 2)
    assert sample(server, "request_count", 'model_name="m"', 'status="INVALID_ARGUMENT"') == 1
    assert sample(server, "request_count", 'model_name=""', 'status="NOT_FOUND"') == 1
    assert sample(server, "request_latency_count", 'API="Predict"', 'entrypoint="GRPC"') == 1
    assert sample(server, "request_latency_count", 'API="predict"', 'entrypoint="REST"') == 1
    assert sample(server, "request_latency_sum", 'API="Predict"', 'entrypoint="GRPC"') > 0
    assert sample(server, "runtime_latency_count", 'model_name="m"', 'runtime="onnx"') >= 2
    assert sample(server, "batching_session:wrapped_run_count", 'thread_pool_name="m"') >= 2
    assert sample(server, "batching_session:processed_batch_size_sum", 'thread_pool_name="m"') == 4


def test_calls_over_other_protocols_are_not_among_them(server: Server) -> None:
    before = sample(server, "request_count", 'model_name="m"', 'status="OK"')
    assert post(server.address, "/servables/m", {"x": [1, 1]}).status == 200
    assert sample(server, "request_count", 'model_name="m"', 'status="OK"') == before
    assert "salver_calls_total" in get(server.address, "/metrics").body.decode()


def test_the_page_is_the_text_of_prometheus(server: Server) -> None:
    reply = get(server.address, PATH)
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    kinds = dict(re.findall(r"^# TYPE :tensorflow:serving:(\S+) (\S+)$", reply.body.decode(), re.MULTILINE))
    assert kinds["request_count"] == "counter"
    assert kinds["request_latency"] == "histogram"
    for line in reply.body.decode().splitlines():
        assert re.fullmatch(r'# TYPE \S+ \w+|[:a-z_]+\{(\w+="[^"]*",?)+\} [0-9.e+]+', line), line


def test_without_the_setting_there_is_no_such_page(tmp_path: Path) -> None:
    add_version(tmp_path, 1)
    with running(tmp_path) as server:
        assert get(server.address, PATH).status == 404


def test_a_call_over_http_that_takes_too_long_is_given_up(server: Server) -> None:
    for path, body in (
        ("/v1/models/slow:predict", {"inputs": {"steps": [100_000]}}),
        ("/servables/slow", {"steps": [100_000]}),
    ):
        reply = post(server.address, path, body)
        assert (reply.status, b"deadline passed" in reply.body) == (504, True), reply.body
