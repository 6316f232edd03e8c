"""A server whose versions come and go, in the process of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.http import get, post
from support.models import scaled

from examples.models import write
from salver.config.settings import Config
from salver.lifecycle.ledger import Retries
from salver.repository.sources import Sources
from salver.runtimes import table
from salver.server.desire import Desire
from salver.server.live import LiveServer
from salver.server.manager import Manager
from salver.server.report import Report


@dataclass(frozen=True)
class Managed:
    manager: Manager
    live: LiveServer
    address: str

    def answer(self, servable: str = "m", version: int | None = None) -> object:
        """What one row is multiplied by; or the status if it is refused."""
        path = f"/servables/{servable}" + ("" if version is None else f"/versions/{version}")
        reply = post(self.address, path, {"x": [1, 1]})
        return reply.json["y"][0] if reply.status == 200 else reply.status

    def states(self, servable: str = "m") -> dict[int, str]:
        records = [status.record for status in self.manager.statuses()]
        return {each.version: each.state.value for each in records if each.servable == servable}

    def ready(self) -> bool:
        """Whether the server as a whole is."""
        return get(self.address, "/v2/health/ready").status == 200


@contextmanager
def managed(sources: Sources, retries: Retries | None = None) -> Iterator[Managed]:
    """Begun and started, on a port of its own."""
    live = LiveServer(Config())
    desire = Desire(sources, table.suffixes())
    manager = Manager(live, desire, retries or Retries(), Report("error"))
    try:
        address = live.listen("127.0.0.1:0", None)
        manager.start()
        manager.wait_until_tried(lambda: True)
        yield Managed(manager, live, address)
    finally:
        manager.ask_to_stop()
        live.stop()
        manager.stop()


def add_version(directory: Path, version: int, name: str = "m") -> Path:
    """A version that multiplies by its number."""
    return write(scaled(float(version)), directory, name, version)


def break_version(directory: Path, version: int, name: str = "m") -> Path:
    """A version that cannot be loaded."""
    path = directory / name / str(version) / "model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a model")
    return path
