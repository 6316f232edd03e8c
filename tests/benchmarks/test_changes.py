"""Versions that replace each other, as the benchmark has them do it."""

from pathlib import Path

import pytest
from support.managed import Managed, add_version, managed

from benchmarks.changes import Changing, Loading, ask
from benchmarks.process import ServerFailed
from benchmarks.steady import median_of
from salver.repository.sources import Sources
from salver.server.admin import Admin
from salver.server.admin_socket import AdminSocket
from salver.server.reload import Reload


def test_versions_replace_each_other_until_they_are_gone(tmp_path: Path) -> None:
    add_version(tmp_path / "models", 1)
    with managed(Sources(tmp_path / "models")) as server:
        socket = _admin(server, tmp_path / "admin")
        change = Changing(tmp_path, "m")
        change.once()
        change.once()
        change.settle()
        assert server.states() == {1: "END", 1000: "END", 1001: "AVAILABLE"}
        with pytest.raises(ServerFailed, match="is not served"):
            ask(tmp_path / "admin", {"do": "unload", "servable": "nobody"})
        socket.stop()
    with pytest.raises(ServerFailed, match="gave no answer"):
        change.settle()


def test_rounds_have_medians() -> None:
    assert median_of([]) is None
    assert median_of([Loading(1, 4, 5, 9), Loading(2, 2, 4, 8), Loading(3, 3, 6, 7)]) == Loading(2, 3, 5, 8)


def _admin(server: Managed, path: Path) -> AdminSocket:
    socket = AdminSocket(path, Admin(server.manager, Reload(server.manager), list), server.live.serve_admin)
    socket.start()
    return socket
