"""What is made of a model file and its settings; the file is a SavedModel, which has all there is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.saved_models import (
    FLOAT,
    PREDICT,
    X,
    node,
    number,
    placeholder,
    saved_model,
    several,
    signature,
    write_records,
    written,
)

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes import saved_model as runtime
from salver.runtimes.workers import ModelCode, Signature
from salver.workers import plain_model
from salver.workers.plain_model import load_plain_model
from salver.workers.program import Program
from salver.workers.stage import Batch, Column, Stage

ROWS = np.array([[1, 2], [3, 4]], np.float32)
Y = {"y": ("y:0", FLOAT, (-1, 2))}


def load(file: Path, batching: bool | None = None, **options: Any) -> Program:
    return load_plain_model(
        file, "net", 3, options, method="predict", max_batch_size=8, max_wait_ms=1.5, batching=batching
    )


def run(program: Program, method: str, *columns: Column) -> list[Column]:
    names = [each.name for each in program.manifest.servable.methods]
    stage = program.stages[names.index(method)]
    assert isinstance(stage, Stage)
    return stage.run(Batch(len(columns[0]), list(columns)))  # type: ignore[return-value]


def test_each_signature_is_a_method_with_a_stage_in_the_one_lane(tmp_path: Path) -> None:
    program = load(written(tmp_path, "net", several()))
    servable = program.manifest.servable
    assert (servable.name, servable.version, servable.runtime) == ("net", 3, "openvino")
    assert [str(method) for method in servable.methods] == [
        "serving_default(x: float32[2]) -> (y: float32[2])",
        "sum(u: float32[2], x: float32[2]) -> (total: float32[2])",
        "swapped(x: float32[2]) -> (a: float32[2], x: float32[2])",
    ]
    assert [stage.name for stage in servable.stages] == ["serving_default", "sum", "swapped"]
    assert [lane.stages for lane in program.manifest.lanes] == [(0, 1, 2)]
    assert program.manifest.notes == ("run by OpenVINO, which computes in float32",)
    np.testing.assert_array_equal(run(program, "sum", ROWS, ROWS), [2 * ROWS])
    assert set(program.examples) == {"serving_default", "sum", "swapped"}


def test_a_method_tells_what_the_file_says_of_its_signature(tmp_path: Path) -> None:
    program = load(written(tmp_path, "net", several()))
    [method] = [each for each in program.manifest.servable.methods if each.name == "swapped"]
    assert method.origin is not None
    assert method.origin.method_name == PREDICT
    assert (method.origin.inputs, method.origin.outputs) == ({"x": "x:0"}, {"a": "y:0", "x": "x:0"})


@pytest.mark.parametrize(
    ("batching", "unbatched"),
    [
        (None, {"rows": None, "whole": "input 'w' has the fixed leading dimension 2"}),
        (True, {"rows": None, "whole": "input 'w' has the fixed leading dimension 2"}),
        (False, {"rows": "it is declared with batching=False", "whole": "it is declared with batching=False"}),
    ],
)
def test_batching_is_for_the_signatures_that_have_rows(
    tmp_path: Path, batching: bool | None, unbatched: dict[str, str | None]
) -> None:
    nodes = [
        placeholder("x", FLOAT, (-1, 2)),
        placeholder("w", FLOAT, (2, 2)),
        node("y", "Neg", "x", T=number(6, FLOAT)),
        node("z", "Neg", "w", T=number(6, FLOAT)),
    ]
    whole = signature({"w": ("w:0", FLOAT, (2, 2))}, {"z": ("z:0", FLOAT, (2, 2))})
    file = written(tmp_path, "net", saved_model(nodes, {"rows": signature({"x": X}, Y), "whole": whole}))
    stages = load(file, batching).manifest.servable.stages
    assert {stage.name: stage.unbatched for stage in stages} == unbatched


def test_records_are_run_when_the_program_is_warmed_up(tmp_path: Path) -> None:
    file = written(tmp_path, "net", several())
    write_records(file, b"")
    load(file, warm_up=False).warm_up()
    with pytest.raises(Unusable, match="record 1: cannot be run"):
        load(file).warm_up()


class Shouting(ModelCode):
    """Text in, text out; of two texts it makes something else than of each by itself."""

    def __init__(self) -> None:
        texts = tuple(Port(name, "bytes", ("",)) for name in ("text", "loud"))
        super().__init__(Signature(texts[:1], texts[1:]))

    def run(self, columns: Any) -> list[Column]:
        return [[each.upper() + b"!" * len(columns[0]) for each in columns[0]]]


def test_text_whose_rows_depend_on_each_other_is_run_row_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_model, "load_model", lambda *_: Shouting())
    program = load(tmp_path / "net.text")
    [stage] = program.manifest.servable.stages
    assert (stage.unbatched, stage.policy.max_batch_size) == (None, 1)
    assert program.manifest.notes == (
        "predict runs its rows one by one: two rows run together gave another 'loud' than each by itself",
    )
    assert run(program, "predict", [b"a"]) == [[b"A!"]]


class Pairs(Shouting):
    """Text in, two of it out."""

    def __init__(self, alone: bool) -> None:
        super().__init__()
        self.outputs = (Port("loud", "bytes", ("", 2)),)
        self._alone = alone

    def run(self, columns: Any) -> list[Column]:
        more = b"" if self._alone else b"!" * len(columns[0])
        return [np.array([[each, each.upper() + more] for each in columns[0]], np.object_)]


@pytest.mark.parametrize(("alone", "most"), [(True, 8), (False, 1)])
def test_rows_may_have_several_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: bool, most: int) -> None:
    monkeypatch.setattr(plain_model, "load_model", lambda *_: Pairs(alone))
    program = load(tmp_path / "net.text")
    [stage] = program.manifest.servable.stages
    assert (stage.unbatched, stage.policy.max_batch_size) == (None, most)
    assert [str(port) for port in stage.outputs] == ["loud: bytes[2]"]
    [loud] = run(program, "predict", [b"a"])
    assert np.asarray(loud).tolist() == [[b"a", b"A" if alone else b"A!"]]


def test_examples_are_run_together_untried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = Shouting()
    code.rows_together = True
    monkeypatch.setattr(plain_model, "load_model", lambda *_: code)
    program = load(tmp_path / "net.text")
    [stage] = program.manifest.servable.stages
    assert (stage.unbatched, stage.policy.max_batch_size, program.manifest.notes) == (None, 8, ())
    assert program.examples == {}


def test_a_model_that_cannot_be_described_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(runtime.SavedModel, "close", lambda _: closed.append("closed"))
    nodes = [placeholder("x", FLOAT, (2, 2)), node("y", "Neg", "x", T=number(6, FLOAT))]
    fixed = signature({"x": ("x:0", FLOAT, (2, 2))}, {"y": ("y:0", FLOAT, (-1, 2))})
    with pytest.raises(Unusable, match="says batching=True"):
        load(written(tmp_path, "net", saved_model(nodes, {"f": fixed})), batching=True)
    assert closed == ["closed"]
