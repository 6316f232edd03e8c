"""What those who watch a server see: the standard health service and Prometheus text."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support.http import get, post
from support.waiting import metric, until

from salver.client import messages
from salver.client.api import Client
from salver.client.errors import NotFound
from salver.testing.server import running


def watch(channel: grpc.Channel, servable: str) -> Iterator[str]:
    call = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        messages.HealthCheckRequest.SerializeToString,
        messages.HealthCheckResponse.FromString,
    )
    statuses = messages.HealthCheckResponse.ServingStatus
    return (statuses.Name(each.status) for each in call(messages.HealthCheckRequest(service=servable), timeout=50))


def test_the_server_and_every_servable_are_serving(client: Client) -> None:
    assert [client.health(name) for name in ("", "add", "scaled")] == ["SERVING"] * 3


def test_an_unknown_servable_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        client.health("nowhere")


def test_watching_tells_the_end(models: Path) -> None:
    with running(models) as server, grpc.insecure_channel(server.address) as channel:
        whole, one, unknown = (watch(channel, name) for name in ("", "add", "nowhere"))
        assert (next(whole), next(one), next(unknown)) == ("SERVING", "SERVING", "SERVICE_UNKNOWN")
        server.signal()
        assert (next(whole), next(one)) == ("NOT_SERVING", "NOT_SERVING")
        assert server.wait(30) == 0


def test_calls_are_counted_by_servable_version_method_protocol_and_outcome(address: str) -> None:
    labels = {"servable": "scaled", "version": "1", "method": "predict", "protocol": "json"}

    def counts() -> tuple[float, float]:
        good = metric(address, "salver_calls_total", code="OK", **labels)
        return good, metric(address, "salver_calls_total", code="INVALID_ARGUMENT", **labels)

    good, bad = counts()
    assert post(address, "/servables/scaled/versions/1", {"x": [1, 2]}).status == 200
    assert post(address, "/servables/scaled/versions/1", {"x": [1]}).status == 400
    until(lambda: counts() == (good + 1, bad + 1))


def test_batches_say_how_large_they_were_and_why_they_closed(address: str) -> None:
    def rows() -> tuple[float, float]:
        batches = metric(address, "salver_batches_total", servable="add_rows")
        return batches, metric(address, "salver_batch_rows_sum", servable="add_rows")

    batches, total = rows()
    row = {"x1": [[1, 1], [1, 1]], "x2": [[1, 1], [1, 1]]}
    assert post(address, "/servables/add_rows", [row] * 5).status == 200
    until(lambda: rows() == (batches + 1, total + 5))


def test_the_page_is_prometheus_text_with_help_for_every_name(address: str) -> None:
    reply = get(address, "/metrics")
    assert "text" in reply.headers["content-type"]
    lines = reply.body.decode().splitlines()
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    helped = {line.split()[2] for line in lines if line.startswith("# HELP")}
    assert typed == helped
    assert all(name.startswith("salver_") for name in typed)
