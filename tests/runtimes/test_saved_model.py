"""SavedModels by OpenVINO, without TensorFlow; `tests/saved_model` has both."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.saved_models import (
    CLASSIFY,
    DOUBLE,
    FLOAT,
    INT64,
    RESOURCE,
    STRING,
    X,
    node,
    number,
    placeholder,
    saved_model,
    scaled,
    several,
    signature,
    tensor,
    unary,
    with_variable,
    written,
)

from salver.problems import Unusable
from salver.runtimes import saved_model as runtime
from salver.runtimes import warm_up_records
from salver.runtimes.workers import load_model, read_contract

ROWS = np.array([[1, 2], [3, 4]], np.float32)


def loaded(folder: Path, content: bytes, **options: Any) -> runtime.SavedModel:
    model = load_model(written(folder, "model", content), options)
    assert isinstance(model, runtime.SavedModel)
    return model


def test_every_signature_is_run_under_its_own_names(tmp_path: Path) -> None:
    model = loaded(tmp_path, several())
    found = {name: (code.inputs, code.run([ROWS] * len(code.inputs))) for name, code in model.methods().items()}
    assert {name: [port.name for port in inputs] for name, (inputs, _) in found.items()} == {
        "serving_default": ["x"],
        "sum": ["u", "x"],
        "swapped": ["x"],
    }
    wanted = {"serving_default": [2 * ROWS], "sum": [2 * ROWS], "swapped": [2 * ROWS, ROWS]}
    for name, (_, outputs) in found.items():
        np.testing.assert_array_equal(outputs, wanted[name])


def test_the_default_signature_is_what_the_model_does_itself(tmp_path: Path) -> None:
    model = loaded(tmp_path, several())
    np.testing.assert_array_equal(model.run([ROWS])[0], 2 * ROWS)
    contract = read_contract(tmp_path / "model" / "1" / "saved_model.pb")
    assert contract is not None
    assert ([port.name for port in contract.inputs], model.inputs) == (["x"], contract.inputs)


def test_results_are_the_callers_own(tmp_path: Path) -> None:
    model = loaded(tmp_path, scaled(3))
    [first] = model.run([ROWS])
    model.run([10 * ROWS])
    np.testing.assert_array_equal(first, 3 * ROWS)


def test_signatures_can_be_chosen(tmp_path: Path) -> None:
    file = written(tmp_path, "model", several())
    assert list(load_model(file, {"signatures": ["sum", "swapped"]}).methods()) == ["sum", "swapped"]
    assert [port.name for port in load_model(file, {"signature": "sum"}).inputs] == ["u", "x"]
    with pytest.raises(Unusable, match="has no signature 'total'") as refused:
        load_model(file, {"signature": "total"})
    assert refused.value.problem.remedy == "it has serving_default, sum, swapped"


def test_a_signature_that_cannot_be_served_is_left_out_unless_it_is_wanted(tmp_path: Path) -> None:
    nodes = [placeholder("x", FLOAT, (-1, 2)), node("y", "Neg", "x", T=number(6, FLOAT))]
    odd = signature({"table": ("t:0", RESOURCE, ())}, {"y": X})
    file = written(
        tmp_path, "model", saved_model(nodes, {"odd": odd, "even": signature({"x": X}, {"y": ("y:0", FLOAT, (-1, 2))})})
    )
    model = load_model(file, {})
    assert list(model.methods()) == ["even"]
    assert model.notes[1] == "left out, for it has in 'odd' the tensor 'table', which is DT_RESOURCE"
    with pytest.raises(Unusable, match="DT_RESOURCE"):
        load_model(file, {"signatures": ("odd", "even")})


def test_what_a_caller_leaves_out_is_the_default(tmp_path: Path) -> None:
    nodes = [
        placeholder("x", FLOAT, (-1, 2)),
        placeholder("k", FLOAT, ()),
        node("y", "Mul", "x", "k", T=number(6, FLOAT)),
    ]
    inputs = {"x": X, "k": ("k:0", FLOAT, ())}
    with_default = signature(inputs, {"y": ("y:0", FLOAT, (-1, 2))}, defaults={"k": tensor(FLOAT, [], 5)})
    model = loaded(tmp_path, saved_model(nodes, {"serving_default": with_default}))
    [code] = model.methods().values()
    assert [(port.name, port.optional) for port in code.inputs] == [("k", True), ("x", False)]
    np.testing.assert_array_equal(code.run([np.zeros(0, np.bool_), ROWS])[0], 5 * ROWS)
    np.testing.assert_array_equal(code.run([np.array(2, np.float32), ROWS])[0], 2 * ROWS)
    assert "defaults" in str(code.rows_apart)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (scaled(2), "run by OpenVINO, which computes in float32"),
        (unary("Neg", DOUBLE), "run by OpenVINO, which computes float64 as float32"),
        (unary("Neg", INT64), "run by OpenVINO, which computes int64 as int32"),
    ],
)
def test_the_choice_and_its_reason_are_told(tmp_path: Path, content: bytes, note: str) -> None:
    model = loaded(tmp_path, content)
    assert (model.runtime, model.notes) == ("openvino", (note,))


def test_openvino_reports_to_nobody(tmp_path: Path) -> None:
    loaded(tmp_path, scaled(2))
    assert sys.modules["openvino_telemetry"] is None


def test_a_number_that_would_become_another_is_refused(tmp_path: Path) -> None:
    model = loaded(tmp_path, unary("Neg", INT64))
    assert model.run([np.array([[2**31 - 1, -5]])])[0].tolist() == [[1 - 2**31, 5]]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="do not fit into int32"):
        model.run([np.array([[2**31, 0]])])


@pytest.mark.parametrize(
    "columns", [[ROWS.astype(np.float64)], [ROWS[0]], [np.ones((1, 3), np.float32)], [["text"]]], ids=str
)
def test_input_of_another_kind_is_refused(tmp_path: Path, columns: list[Any]) -> None:
    with pytest.raises(ValueError, match="input x: "):
        loaded(tmp_path, scaled(2)).run(columns)


def test_no_room_for_temporary_files_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(Unusable, match="cannot be copied for OpenVINO: No such file or directory") as refused:
        loaded(tmp_path, scaled(2))
    assert "TMPDIR" in refused.value.problem.remedy


@pytest.mark.parametrize(
    ("options", "times"), [({}, 1), ({"warm_up_rounds": 3}, 3), ({"warm_up": False, "warm_up_rounds": 3}, 0)]
)
def test_records_are_run_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], times: int
) -> None:
    replayed: list[Path] = []
    monkeypatch.setattr(warm_up_records, "replay", lambda folder, _: replayed.append(folder))
    loaded(tmp_path, scaled(2), **options).warm_up()
    assert replayed == [tmp_path / "model" / "1"] * times


def only(monkeypatch: pytest.MonkeyPatch, *installed: str) -> None:
    monkeypatch.setattr(runtime, "_is_installed", lambda name: name in installed)


def parsed() -> bytes:
    """As TensorFlow 1 exported models of examples: numbers may be given in the place of what is read from texts."""
    nodes = [
        placeholder("examples", STRING, (-1,)),
        node("read", "DecodeRaw", "examples", out_type=number(6, FLOAT)),
        node("x", "Identity", "read", T=number(6, FLOAT)),
        node("y", "Neg", "x", T=number(6, FLOAT)),
    ]
    y = ("y:0", FLOAT, (-1, 2))
    classify = signature({"inputs": ("examples:0", STRING, (-1,))}, {"scores": y}, CLASSIFY)
    return saved_model(nodes, {"serving_default": signature({"x": X}, {"y": y}), "classify": classify})


def test_without_tensorflow_a_model_loses_the_signatures_of_texts_but_never_its_default_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "openvino")
    model = loaded(tmp_path / "one", parsed())
    assert list(model.methods()) == ["serving_default"]
    np.testing.assert_array_equal(model.run([ROWS])[0], -ROWS)
    assert model.notes[1].endswith("takes no text from callers, and TensorFlow is not installed: classify")
    with pytest.raises(Unusable, match="needs TensorFlow, which is not installed, for OpenVINO takes no text"):
        loaded(tmp_path / "two", parsed(), signatures=["serving_default", "classify"])
    renamed = parsed().replace(b"serving_default", b"serving_another")
    with pytest.raises(Unusable, match="needs TensorFlow, which is not installed, for OpenVINO takes no text"):
        loaded(tmp_path / "three", renamed)


def test_without_any_runtime_the_smaller_one_is_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    with pytest.raises(Unusable, match="needs TensorFlow, which is not installed, for OpenVINO is not") as refused:
        loaded(tmp_path, scaled(2))
    assert refused.value.problem.remedy.startswith("pip install 'salver[openvino]', or 'salver[tensorflow]'")


def test_an_operation_that_openvino_lacks_needs_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "openvino")
    what = "needs TensorFlow, which is not installed, for OpenVINO has no rule for the operations Digamma"
    with pytest.raises(Unusable, match=what) as refused:
        loaded(tmp_path, unary("Digamma"))
    assert "pip install 'salver[tensorflow]'" in refused.value.problem.remedy


@pytest.mark.parametrize(
    ("content", "options", "what", "remedy"),
    [
        (unary("Digamma"), {"runtime": "openvino"}, "is to be run by openvino, which has no rule", "let the runtime"),
        (scaled(2), {"runtime": "tpu"}, "is loaded with runtime='tpu'", '"openvino" or "tensorflow"'),
        (scaled(2), {"theads": 1}, "the unknown option 'theads'", "threads"),
        (scaled(2)[:-1], {}, "is no whole SavedModel", "export it again"),
        (with_variable(), {}, "needs its variables", "copy it completely"),
        (saved_model([], {}), {}, "has no signatures", "at least one"),
    ],
)
def test_what_cannot_be_run_is_a_problem_with_a_remedy(
    tmp_path: Path, content: bytes, options: Mapping[str, Any], what: str, remedy: str
) -> None:
    with pytest.raises(Unusable, match=what) as refused:
        loaded(tmp_path, content, **options)
    assert remedy in refused.value.problem.remedy
