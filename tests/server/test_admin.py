"""What a running server may be asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.managed import Managed, add_version, break_version, managed

from salver.lifecycle.ledger import Retries
from salver.problems import Unusable
from salver.repository.sources import Sources
from salver.server.admin import Admin
from salver.server.reload import Reload

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Managed]:
    """Has the versions 1 and 2, of which it serves the latest."""
    for version in (1, 2):
        add_version(tmp_path / "models", version)
    with managed(Sources(tmp_path / "models"), Retries(2, 60.0)) as server:
        yield server


@pytest.fixture
def admin(server: Managed) -> Admin:
    return Admin(server.manager, Reload(server.manager), list)


def available(version: int, servable: str = "m") -> dict[str, object]:
    return {"servable": servable, "version": version, "state": "AVAILABLE"}


def test_a_version_may_be_loaded_beside_the_others(server: Managed, admin: Admin) -> None:
    assert admin.load("m", 1) == [available(1)]
    assert server.states() == {1: "AVAILABLE", 2: "AVAILABLE"}
    assert (server.answer(), server.answer(version=1)) == (2.0, 1.0)


def test_unloading_the_latest_goes_back_to_the_one_before(server: Managed, admin: Admin) -> None:
    assert admin.unload("m", 2) == [available(1)]
    assert server.states() == {1: "AVAILABLE", 2: "END"}
    assert server.answer() == 1.0
    assert admin.load("m", 2) == [available(2)]
    assert server.answer() == 2.0


def test_a_servable_may_be_unloaded_and_loaded_again(server: Managed, admin: Admin) -> None:
    assert admin.unload("m") == []
    assert server.states() == {2: "END"}
    assert server.answer() == 404
    assert admin.load("m") == [available(2)]


def test_one_servable_is_looked_at_without_the_others(server: Managed, admin: Admin, tmp_path: Path) -> None:
    add_version(tmp_path / "models", 3)
    add_version(tmp_path / "models", 1, "n")
    assert admin.load("n") == [available(1, "n")]
    assert server.states() == {2: "AVAILABLE"}
    admin.reload()
    assert server.answer() == 3.0


def test_a_servable_may_be_loaded_from_elsewhere(server: Managed, admin: Admin, tmp_path: Path) -> None:
    add_version(tmp_path / "elsewhere", 7, "n")
    assert admin.load("other", path=tmp_path / "elsewhere" / "n") == [available(7, "other")]
    assert server.answer("other") == 7.0
    with pytest.raises(Unusable, match="whole path"):
        admin.load("other", path=Path("elsewhere"))


def test_what_cannot_be_loaded_is_told_and_changes_nothing(server: Managed, admin: Admin, tmp_path: Path) -> None:
    broken = break_version(tmp_path / "models", 3)
    for version, told in ((3, "is no usable ONNX model"), (9, "version 9 is to be served")):
        with pytest.raises(Unusable, match=told):
            admin.load("m", version)
    with pytest.raises(Unusable, match="is nowhere to be found"):
        admin.load("nobody")
    assert server.answer() == 2.0
    broken.unlink()
    add_version(tmp_path / "models", 3)
    assert admin.load("m", 3) == [available(3)]


def test_labels_are_given_to_available_versions_and_taken_away(server: Managed, admin: Admin) -> None:
    admin.load("m", 1)
    admin.label("m", "stable", 1)
    admin.label("m", "canary", 2)
    assert [each["labels"] for each in admin.status("m")] == [["stable"], ["canary"]]
    assert dict(server.live.routes.labels) == {"m": {"stable": 1, "canary": 2}}
    admin.label("m", "canary", None)
    assert dict(server.live.routes.labels) == {"m": {"stable": 1}}
    with pytest.raises(Unusable, match="version 9 is not available"):
        admin.label("m", "stable", 9)
    with pytest.raises(Unusable, match="has no label 'beta'") as refused:
        admin.label("m", "beta", None)
    assert refused.value.problem.remedy == "its labels: stable"


@pytest.mark.parametrize(
    ("servable", "version", "told"), [("nobody", None, "is not served"), ("m", 9, "version 9 is not")]
)
def test_what_is_not_served_cannot_be_unloaded(admin: Admin, servable: str, version: int | None, told: str) -> None:
    with pytest.raises(Unusable, match=told):
        admin.unload(servable, version)


def test_the_status_shows_what_was_what_is_and_what_should_be(server: Managed, admin: Admin, tmp_path: Path) -> None:
    break_version(tmp_path / "models", 3)
    server.manager.look()
    with pytest.raises(Unusable, match="is no usable ONNX model"):
        admin.load("m")
    old, broken = admin.status()
    assert old == {**available(2), "wanted": False, "labels": []}
    assert (broken["state"], broken["problem"]["what"][:26]) == ("START", "is no usable ONNX model: L")


def test_another_list_of_servables_may_be_given(server: Managed, admin: Admin, tmp_path: Path) -> None:
    add_version(tmp_path / "elsewhere", 7, "n")
    config = f'model_config_list {{ config {{ name: "n" base_path: "{tmp_path}/elsewhere/n" }} }}'
    assert [(each["servable"], each["version"]) for each in admin.reload(config)] == [("m", 2), ("n", 7)]
    with pytest.raises(Unusable, match="did not become available"):
        admin.reload(config.replace('"n"', '"o"').replace("/n", "/gone"))
