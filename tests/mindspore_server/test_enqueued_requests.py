"""`set_max_enqueued_requests`: how many requests servers that are started afterwards have at once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.ports import free_port
from support.waiting import until

from mindspore_serving import master, server
from mindspore_serving.client import Client

SERVABLE = """
import time
from pathlib import Path
from mindspore_serving.server import register


def wait(gate):
    Path(f"{gate}.begun").touch()
    while not Path(gate).exists():
        time.sleep(0.01)
    return gate


@register.register_method(output_names="gate")
def waits(gate):
    return register.add_stage(wait, gate, outputs_count=1)
"""

SETTERS = pytest.mark.parametrize(
    "limit",
    [server.master.context.set_max_enqueued_requests, master.context.set_max_enqueued_requests],
    ids=["server.master.context", "master.context"],
)
Limit = Callable[[Any], None]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    server.stop()
    server.master.context.set_max_enqueued_requests(10000)


class Place:
    def __init__(self, folder: Path) -> None:
        (folder / "calm").mkdir()
        (folder / "calm" / "servable_config.py").write_text(SERVABLE)
        self.config = server.ServableStartConfig(str(folder), "calm")
        self.folder = folder

    def refused(self) -> Any:
        """What a second request is told while one is being answered, by a server that is started for it."""
        address = f"127.0.0.1:{free_port()}"
        server.start_servables(self.config)
        server.start_grpc_server(address)
        gate = self.folder / f"gate{address[-5:]}"
        client = Client(address, "calm", "waits")
        first = client.infer_async({"gate": str(gate)})
        until(lambda: Path(f"{gate}.begun").exists())
        second = client.infer_async({"gate": str(gate)})
        told = second.result()
        gate.touch()
        assert first.result() == [{"gate": str(gate)}]
        return told


@SETTERS
def test_one_request_too_many_is_refused_also_by_the_next_server(tmp_path: Path, limit: Limit) -> None:
    place = Place(tmp_path)
    limit(1)
    told = {"error": "Serving Error: enqueued requests count exceeds the limit 1"}
    assert place.refused() == told
    server.stop()
    assert place.refused() == told


@SETTERS
@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "Parameter 'max_enqueued_requests' should be >= 1"),
        ("1", "Parameter 'max_enqueued_requests' should be int, but actually <class 'str'>"),
        (True, "Parameter 'max_enqueued_requests' should be int, but actually <class 'bool'>"),
    ],
)
def test_what_is_no_number_is_refused(limit: Limit, number: object, text: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        limit(number)
    assert str(raised.value) == text


def test_more_than_any_server_can_have_is_no_limit() -> None:
    server.master.context.set_max_enqueued_requests(10**30)
    server.start_grpc_server(f"127.0.0.1:{free_port()}")
