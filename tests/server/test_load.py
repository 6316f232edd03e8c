from pathlib import Path

import pytest

from salver.authoring.spec import Port, Servable, StageSpec, one_stage
from salver.problems import Problem, Unusable
from salver.repository.scan import Refused, Repository, VersionFolder
from salver.repository.settings import ServableSettings
from salver.runtimes.base import Loaded
from salver.server import load
from salver.server.report import described

X = Port("x", "float32", (2,))


class Model(Loaded):
    def __init__(self, name: str, unbatched: str | None = None) -> None:
        stage = StageSpec("model.onnx", (X,), (X,), unbatched)
        self.servable = Servable(name, 1, "onnx", (one_stage("predict", stage),), (stage,))
        self.instances = 1

    def try_once(self) -> None:
        pass

    def start(self, version: object) -> None:
        pass


def folder(name: str) -> VersionFolder:
    return VersionFolder(name, 1, Path(name, "1", "model.onnx"), ServableSettings())


def loads_all_but_bad(wanted: VersionFolder) -> Loaded:
    if wanted.servable == "bad":
        raise Unusable(wanted.artefact, "is broken", "mend it")
    return Model(wanted.servable)


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(load, "load", loads_all_but_bad)
    refused = (
        Refused("two", 2, Problem("two/2", "holds two models", "keep one")),
        Refused("named", None, Problem("named/x", "'x' is no version number", "name it 1")),
    )
    return Repository(
        (folder("a"), folder("bad"), folder("c")), refused, (Problem("x.onnx", "is homeless", "move it"),)
    )


def test_what_fails_is_data_and_stops_nothing_else(repository: Repository) -> None:
    catalog = load.load_all(repository, lambda: True)
    assert [(version.name, version.version) for version in catalog.versions] == [("a", 1), ("c", 1)]
    assert catalog.unavailable() == [
        ("two", 2, "2: holds two models"),
        ("bad", 1, "model.onnx: is broken"),
    ]
    whats = [problem.what for problem in load.problems(repository, catalog)]
    assert whats == ["is homeless", "holds two models", "'x' is no version number", "is broken"]


def test_a_server_that_is_stopped_loads_nothing_more(repository: Repository) -> None:
    answers = iter([True, False])
    catalog = load.load_all(repository, lambda: next(answers))
    assert [version.name for version in catalog.versions] == ["a"]


def test_the_native_core_takes_the_words_of_authoring() -> None:
    native = load._native.Version(Model("a", "it has a fixed shape").servable.to_json())
    assert (native.name, native.version, native.drained()) == ("a", 1, True)
    with pytest.raises(ValueError, match="method"):
        load._native.Version(Servable("a", 1, "onnx", (), ()).to_json())


def test_what_is_served_is_told_with_types_and_batching() -> None:
    assert described([Model("a"), Model("b", "it has a fixed shape")]).splitlines() == [
        "a  version 1, onnx, 1 instance",
        "    predict(x: float32[2]) -> (x: float32[2])",
        "    batched: up to 32 rows",
        "b  version 1, onnx, 1 instance",
        "    predict(x: float32[2]) -> (x: float32[2])",
        "    not batched: it has a fixed shape",
    ]
