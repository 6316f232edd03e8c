from pathlib import Path
from typing import NoReturn

import pytest

from salver import _native
from salver.authoring.spec import Policy, Port, Servable, StageSpec, one_stage
from salver.lifecycle.states import State
from salver.problems import Problem, Unusable
from salver.repository.scan import Kind, Refused, Repository, VersionFolder
from salver.repository.settings import ServableSettings
from salver.runtimes import table
from salver.runtimes.base import Host, Loaded, Trial
from salver.server import load
from salver.server.load import Running, Watch
from salver.server.report import described
from salver.server.routes import Absent
from salver.workers.orders import Orders

X = Port("x", "float32", (2,))


class Model(Loaded):
    def __init__(self, name: str, unbatched: str | None = None, policy: Policy | None = None) -> None:
        stage = StageSpec("model.onnx", (X,), (X,), unbatched, policy or Policy())
        self.servable = Servable(name, 1, "onnx", (one_stage("predict", stage),), (stage,))
        self.closed = False

    @property
    def capacity(self) -> tuple[int, str]:
        return 1, "instance"

    def try_once(self) -> list[Trial]:
        return []

    def start(self, version: _native.Version) -> None:
        if version.name == "stuck":
            raise Unusable("stuck", "has no lanes", "mend it")

    def close(self) -> None:
        self.closed = True


class Workers:
    """A host whose workers are only given up."""

    def __init__(self) -> None:
        self.given_up = False

    def team(self, orders: Orders) -> NoReturn:
        raise AssertionError(orders)

    def give_up(self) -> None:
        self.given_up = True


def folder(name: str, kind: Kind = Kind.MODEL) -> VersionFolder:
    return VersionFolder(name, 1, Path(name, "1", "model.onnx"), ServableSettings(), kind)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> dict[str, Model]:
    """What was loaded, by name; all but "bad" can be."""
    made: dict[str, Model] = {}

    def loads(wanted: VersionFolder, _host: Host) -> Loaded:
        if wanted.servable == "bad":
            raise Unusable(wanted.artefact, "is broken", "mend it")
        made[wanted.servable] = Model(wanted.servable)
        return made[wanted.servable]

    monkeypatch.setattr(table, "load", loads)
    return made


def names(outcomes: list[load.Outcome]) -> list[str]:
    return [each.version.name if isinstance(each, Running) else f"not {each.servable}" for each in outcomes]


def test_what_fails_is_data_and_stops_nothing_else(models: dict[str, Model]) -> None:
    outcomes = load.load_all([folder(name) for name in ("a", "bad", "c", "stuck")], Workers(), Watch())
    assert names(outcomes) == ["a", "not bad", "c", "not stuck"]
    assert [model.closed for model in models.values()] == [False, False, True]


def test_a_mistake_of_salvers_own_is_told_and_stops_nothing_else(
    models: dict[str, Model], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Model, "start", lambda _self, version: 1 / (version.name != "b"))
    folders = [folder("a"), folder("b", Kind.SERVABLE), folder("c")]
    outcomes = load.load_all(folders, Workers(), Watch())
    assert names(outcomes) == ["a", "not b", "c"]
    assert isinstance(outcomes[1], Refused)
    assert "for a reason of salver's own" in outcomes[1].problem.what
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert models["b"].closed


def test_what_workers_load_keeps_its_place_in_the_order(models: dict[str, Model]) -> None:
    folders = [folder("a", Kind.SERVABLE), folder("b"), folder("bad", Kind.SERVABLE), folder("c", Kind.SERVABLE)]
    assert names(load.load_all(folders, Workers(), Watch())) == ["a", "b", "not bad", "c"]


def test_a_server_that_is_stopped_loads_nothing_more_and_gives_up_its_workers(models: dict[str, Model]) -> None:
    answers = iter([True, False, False])
    workers = Workers()
    assert names(load.load_all([folder("a"), folder("b")], workers, Watch(lambda: next(answers)))) == ["a"]
    assert workers.given_up


def test_somebody_may_look_on_before_a_version_is_started(models: dict[str, Model]) -> None:
    seen: list[Loaded] = []
    load.load_all([folder("a"), folder("bad")], Workers(), Watch(loaded=seen.append))
    assert seen == [models["a"]]


REFUSED = (
    Refused("two", 2, Problem("two/2", "holds two models", "keep one")),
    Refused("named", None, Problem("named/x", "'x' is no version number", "name it 1")),
    Refused("two", 2, Problem("two/2", "is hot", "cool it")),
)


def test_callers_are_told_the_first_reason_of_each_version() -> None:
    assert load.unavailable(REFUSED) == [Absent("two", 2, State.END, problem="2: holds two models")]
    assert load.loading([folder("a")]) == [Absent("a", 1, State.LOADING)]


def test_every_problem_is_told() -> None:
    repository = Repository((), REFUSED[:1], (Problem("x.onnx", "is homeless", "move it"),))
    told = [problem.what for problem in load.problems(repository, REFUSED[1:])]
    assert told == ["is homeless", "holds two models", "'x' is no version number", "is hot"]


def test_the_native_core_takes_the_words_of_authoring() -> None:
    native = _native.Version(Model("a", "it has a fixed shape").servable.to_json())
    assert (native.name, native.version, native.drained()) == ("a", 1, True)
    with pytest.raises(ValueError, match="method"):
        _native.Version(Servable("a", 1, "onnx", (), ()).to_json())


def test_what_is_served_is_told_with_types_and_batching() -> None:
    rows = Policy(max_batch_size=4, row_by_row=True)
    assert described([Model("a"), Model("b", "it has a fixed shape"), Model("c", policy=rows)]).splitlines() == [
        "a  version 1, onnx, 1 instance",
        "    predict(x: float32[2]) -> (x: float32[2])",
        "    batched: up to 32 rows",
        "b  version 1, onnx, 1 instance",
        "    predict(x: float32[2]) -> (x: float32[2])",
        "    not batched: it has a fixed shape",
        "c  version 1, onnx, 1 instance",
        "    predict(x: float32[2]) -> (x: float32[2])",
        "    row by row: up to 4 rows at a time",
    ]
