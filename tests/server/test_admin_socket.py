import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.managed import add_version, managed

from salver.problems import Unusable
from salver.repository.sources import Sources
from salver.server.admin import Admin
from salver.server.admin_socket import AdminSocket
from salver.server.manager import Manager
from salver.server.reload import Reload

Ask = Callable[[object], Any]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Where a server with one version of m hears its admin."""
    add_version(tmp_path / "models", 1)
    with managed(Sources(tmp_path / "models")) as server:
        does = Admin(server.manager, Reload(server.manager), list)
        admin = AdminSocket(tmp_path / "admin", does, server.live.serve_admin)
        admin.start()
        yield tmp_path / "admin"
        admin.stop()
        admin.stop()
        assert not (tmp_path / "admin").exists()


@pytest.fixture
def ask(path: Path) -> Iterator[Ask]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        lines = connection.makefile("rw")

        def ask(request: object) -> Any:
            lines.write((request if isinstance(request, str) else json.dumps(request)) + "\n")
            lines.flush()
            return json.loads(lines.readline())

        yield ask
        lines.close()


def test_it_is_its_owners_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_one_connection_may_ask_for_many_things(ask: Ask) -> None:
    version = {"servable": "m", "version": 1, "state": "AVAILABLE"}
    assert ask({"do": "load", "servable": "m"}) == {"done": [version]}
    labelled = [{**version, "wanted": True, "labels": ["stable"]}]
    assert ask({"do": "label", "servable": "m", "label": "stable", "version": 1}) == {"done": labelled}
    assert ask({"do": "reload"}) == {"done": labelled}
    assert ask({"do": "status"}) == {"done": labelled}


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        ("load m", "is no JSON"),
        ([1], 'expected "do" with one of load, unload, label, reload, status'),
        ({"do": "destroy"}, "names nothing to do"),
        ({"do": ["load"]}, "names nothing to do"),
        ({"do": "load"}, "does not say servable"),
        ({"do": "load", "servable": 3}, "says servable: 3, which is of the wrong type"),
        ({"do": "load", "servable": "m", "version": "1"}, 'says version: "1"'),
        ({"do": "load", "servable": "m", "version": True}, "says version: true"),
        ({"do": "load", "servable": "m", "version": -1}, "says version: -1, but versions are numbers from 0 to"),
        ({"do": "load", "servable": "m", "version": 2**63}, "9223372036854775808, but versions are numbers"),
        ({"do": "load", "servable": "\udcff"}, 'says servable: "\\udcff", which is no text in UTF-8'),
        ({"do": "load", "servable": "m", "verison": 1}, "has 'verison', but there is only servable, version, path"),
        ({"do": "reload", "servable": "m"}, "has 'servable', but there is only config to say"),
        ({"do": "reload", "config": "models {}"}, 'has no field named "models"'),
        ({"do": "reload", "config": ""}, "lists nothing"),
        ({"do": "load", "servable": "nobody"}, "is nowhere to be found"),
    ],
)
def test_what_cannot_be_done_is_told_with_a_remedy(ask: Ask, request_: object, what: str) -> None:
    problem = ask(request_)["problem"]
    assert what in problem["what"]
    assert problem["remedy"]


def test_a_request_that_is_too_long_is_told_so_once_and_the_next_one_is_heard(ask: Ask) -> None:
    for length in (2**20, 3 * 2**20):
        assert ask("x" * length)["problem"]["what"] == "is longer than 1048576 bytes"
        assert ask({"do": "status"})["done"]
    assert "no JSON" in ask("x" * (2**20 - 1))["problem"]["what"]


def test_a_mistake_of_salvers_own_is_told_and_does_not_end_the_connection(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Manager, "statuses", lambda _self: 1 / 0)
        assert ask({"do": "status"})["problem"]["what"] == "could not be done, for a reason of salver's own"
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert ask({"do": "status"})["done"]


def test_several_may_ask_at_once(path: Path) -> None:
    def status(_turn: int) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b'{"do": "status"}\n')
            return str(json.loads(connection.makefile().readline())["done"][0]["state"])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(status, range(32))) == {"AVAILABLE"}


def test_a_socket_is_taken_over_from_the_dead_but_not_from_the_living(path: Path, tmp_path: Path) -> None:
    admin = Admin.__new__(Admin)
    with pytest.raises(Unusable, match="is in use by another server"):
        AdminSocket(path, admin, os.close)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left"))
    AdminSocket(tmp_path / "left", admin, os.close).stop()
    (tmp_path / "file").touch()
    for unfit in (tmp_path / "file", tmp_path / "gone" / "admin", tmp_path / ("x" * 200)):
        with pytest.raises(Unusable, match="cannot be listened on"):
            AdminSocket(unfit, admin, os.close)
    assert (tmp_path / "file").exists()
