"""Another list of servables, with the texts of TensorFlow Serving."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.managed import Managed, add_version, break_version, managed
from support.waiting import until

from salver.lifecycle.ledger import Retries
from salver.repository.base_path import BasePath
from salver.repository.policies import Every
from salver.repository.sources import Sources
from salver.server.reload import Refusal, Reload

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Managed]:
    """Serves m, version 1, from a list."""
    add_version(tmp_path, 1)
    with managed(Sources(listed=(at(tmp_path, "m"),)), Retries(2, 60.0)) as server:
        yield server


def at(directory: Path, name: str, **said: object) -> BasePath:
    return BasePath(name, directory / name, "tensorflow", **said)  # type: ignore[arg-type]


def refusal(reload: Reload, *listed: BasePath) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        reload.follow(listed)
    return refused.value.code, str(refused.value)


def test_new_servables_are_available_when_it_returns_and_others_go(server: Managed, tmp_path: Path) -> None:
    add_version(tmp_path, 5, "n")
    Reload(server.manager).follow((at(tmp_path, "n"),))
    assert server.answer("n") == 5.0
    until(lambda: server.states("m") == {1: "END"})
    Reload(server.manager).follow((at(tmp_path, "n"),))
    assert server.answer("n") == 5.0


def test_a_serialized_list_does_the_same(server: Managed, tmp_path: Path) -> None:
    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    add_version(tmp_path, 5, "n")
    config = field(1, b"n") + field(2, str(tmp_path / "n").encode())
    reload = Reload(server.manager)
    new = reload.message(field(1, field(1, config)))
    reload.wait_for(new)
    assert new == ["n"]
    assert reload.message(field(1, field(1, config))) == []
    assert server.answer("n") == 5.0
    negative = b"\xb2\x06\x0c" + field(1, b"\xff" * 9 + b"\x01")  # specific { versions: -1 }
    unversioned = field(1, field(1, config + field(7, negative)))
    for wrong in (b"", b"\xff", field(1, field(1, field(1, b"n") + field(2, b"n"))), unversioned):
        with pytest.raises(Refusal) as refused:
            Reload(server.manager).message(wrong)
        assert refused.value.code == "INVALID_ARGUMENT"
    assert server.answer("n") == 5.0


def test_a_new_servable_that_cannot_be_loaded_is_told_and_goes_on_being_tried(server: Managed, tmp_path: Path) -> None:
    break_version(tmp_path, 3, "n")
    code, text = refusal(Reload(server.manager), at(tmp_path, "m"), at(tmp_path, "n"), at(tmp_path, "gone"))
    assert code == "UNKNOWN"
    assert text.startswith("2 model(s) did not become available: {{name: n version: 3 due to error: is no usable ONNX")
    assert text.endswith("{name: gone version: 1 due to error: there is no such folder}, }")
    assert server.answer("m") == 1.0
    add_version(tmp_path, 3, "n")
    server.manager.look()
    until(lambda: server.answer("n") == 3.0)


def test_a_platform_cannot_be_changed(server: Managed, tmp_path: Path) -> None:
    assert refusal(Reload(server.manager), BasePath("m", tmp_path / "m", "other")) == (
        "INVALID_ARGUMENT",
        "Illegal to change a model's platform. For model m platform was tensorflow and new platform requested is other",
    )


def test_labels_are_for_versions_that_are_available(server: Managed, tmp_path: Path) -> None:
    add_version(tmp_path, 2)
    both = {"stable": 1, "canary": 2}
    early = at(tmp_path, "m", versions=Every(), labels=both)
    told = "Request to assign label to version 2 of model m, which is not currently available for inference"
    assert refusal(Reload(server.manager), early) == ("FAILED_PRECONDITION", told)
    assert server.states() == {1: "AVAILABLE"}
    Reload(server.manager).follow((at(tmp_path, "m", versions=Every(), labels={"stable": 1}),))
    until(lambda: server.states() == {1: "AVAILABLE", 2: "AVAILABLE"})
    Reload(server.manager).follow((early,))
    assert dict(server.live.routes.labels) == {"m": both}


def test_new_labels_may_be_early_if_that_is_allowed(server: Managed, tmp_path: Path) -> None:
    add_version(tmp_path, 2)
    lenient = Reload(server.manager, early_labels=True)
    lenient.follow((at(tmp_path, "m", versions=Every(), labels={"canary": 2, "stable": 1}),))
    until(lambda: dict(server.live.routes.labels) == {"m": {"canary": 2, "stable": 1}})
    code, _ = refusal(lenient, at(tmp_path, "m", versions=Every(), labels={"canary": 3}))
    assert code == "FAILED_PRECONDITION"
