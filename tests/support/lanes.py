"""Lanes over real links, in this process, and a server to call them through."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any

from support.http import post

from salver import _native
from salver.authoring.spec import Servable
from salver.config.settings import Config, native_settings
from salver.workers.lane_ends import LaneEnds, close_all, open_lane
from salver.workers.leaving import Leaving
from salver.workers.loop import run_lane
from salver.workers.stage import AnyStage


@dataclass(frozen=True)
class Caller:
    """Calls the methods of one servable by plain JSON."""

    address: str
    servable: str

    def __call__(self, method: str, body: Any) -> Any:
        """What is answered, be it outputs or an error."""
        return post(self.address, f"/servables/{self.servable}/{method}", body).json


def _socket_only(end: LaneEnds) -> tuple[int, None, None]:
    close_all((end.inbound, end.outbound))
    return end.socket, None, None


@contextmanager
def served(
    servable: Servable,
    *lanes: Mapping[int, AnyStage],
    concurrent: bool = False,
    slots: int = 2,
    far: bool = False,
    leaving: Leaving | None = None,
) -> Iterator[Caller]:
    """Serve these stages, each lane in a thread of this process; `far` is without memory that both ends share."""
    version = _native.Version(servable.to_json())
    methods = [method.name for method in servable.methods]
    links, threads = [], []
    for stages in lanes:
        mine, theirs = (_socket_only(end) if far else astuple(end) for end in open_lane())
        links.append(version.add_link_lane(list(stages), slots, mine, None, 30.0, concurrent))
        # The thread alone has the link, which ends with it.
        arguments = (stages, _native.Link(*theirs), methods, leaving)
        threads.append(threading.Thread(target=run_lane, args=arguments))
        del arguments
        threads[-1].start()
    server = _native.Server(native_settings(Config()))
    try:
        address = server.listen("127.0.0.1:0", None)
        server.publish([version], [])
        yield Caller(address, servable.name)
    finally:
        server.stop()
        version.end()
        for near_end in links:
            near_end.end()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
