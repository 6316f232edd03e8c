import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from salver.authoring.manifest import Lane, Manifest, OnnxStage
from salver.authoring.spec import (
    Contract,
    Input,
    Method,
    Plan,
    Policy,
    Port,
    Servable,
    StageSpec,
    Step,
    StepOutput,
)
from salver.problems import Unusable
from salver.repository.settings import OnnxSettings
from salver.runtimes import onnx
from salver.runtimes.composition import compose
from salver.runtimes.samples import Tensor

Ports = list[tuple[str, str, list[int | str]]]

FILE = Path("models", "digits", "servable.py")


class Model:
    """Stands for `_native.OnnxModel`: gives its inputs back."""

    def __init__(self, inputs: Ports, outputs: Ports) -> None:
        self.inputs, self.outputs = inputs, outputs

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        return list(inputs)


Give = Callable[[Ports, Ports], Path]


@pytest.fixture
def give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Give:
    """Makes the ONNX file that stages name."""

    def given(inputs: Ports, outputs: Ports) -> Path:
        def opened(file: Path, _options: OnnxSettings, _said_in: Path) -> Model:
            assert file == path
            return Model(inputs, outputs)

        monkeypatch.setattr(onnx, "open_model", opened)
        return path

    path = tmp_path / "net.onnx"
    path.write_bytes(b"small")
    return given


def port(name: str, dtype: str | None = None, *dims: int | str) -> Port:
    return Port(name, dtype, None if dtype is None else dims)


def manifest(onnx_stage: OnnxStage, net: StageSpec, text: Port | None = None) -> Manifest:
    """`classify(x) -> y` is the model alone; `read(text) -> y` has a function before it."""
    parse = StageSpec("parse", (port("text", "str"),), (text or port("x"),), None)
    direct = Method(
        "classify",
        Contract((port("x"),), (port("y"),), True),
        Plan((Step(0, (Input(0),)),), (StepOutput(0, 0),)),
    )
    read = Method(
        "read",
        Contract((port("text", "str"),), (port("y"),), True),
        Plan((Step(1, (Input(0),)), Step(0, (StepOutput(0, 0),))), (StepOutput(1, 0),)),
    )
    return Manifest(Servable("digits", 1, "python", (direct, read), (net, parse)), (Lane((1,)),), (onnx_stage,))


NET = StageSpec("net.onnx", (port("x"),), (port("y"),), None, Policy(max_batch_size=8))
FREE: Ports = [("x", "float32", ["n", 3])]
FREE_OUT: Ports = [("y", "float32", ["n", 3])]
FIXED: Ports = [("x", "float32", [4, 3])]
FIXED_OUT: Ports = [("y", "float32", [4, 3])]


def test_the_model_says_what_is_not_declared(give: Give) -> None:
    servable, [native] = compose(manifest(OnnxStage(0, str(give(FREE, FREE_OUT))), NET), FILE)
    direct, read = servable.methods
    assert str(direct.contract) == "(x: float32[3]) -> (y: float32[3])"
    assert str(read.contract) == "(text: str) -> (y: float32[3])"
    assert (servable.stages[0].name, servable.stages[0].policy.max_batch_size) == ("net.onnx", 8)
    assert (native.index, native.rows, native.whole_inputs) == (0, True, ())
    assert native.instances == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("ports", "stage", "contract", "unbatched", "size"),
    [
        ((FREE, FREE_OUT), {"batch_dim": "auto"}, "(x: float32[3]) -> (y: float32[3])", None, 8),
        (
            (FIXED, FIXED_OUT),
            {"batch_dim": "auto"},
            "(x: float32[4, 3]) -> (y: float32[4, 3])",
            "leading dimension 4",
            8,
        ),
        ((FREE, FREE_OUT), {"batch_dim": "none"}, "(x: float32[n, 3]) -> (y: float32[n, 3])", "declared so", 8),
        ((FREE, FREE_OUT), {"batch_dim": "rows"}, "(x: float32[3]) -> (y: float32[3])", None, 8),
        ((FIXED, FIXED_OUT), {"batch_dim": "rows"}, "(x: float32[3]) -> (y: float32[3])", None, 4),
        ((FREE, FIXED_OUT), {"batch_dim": "rows"}, "(x: float32[3]) -> (y: float32[3])", None, 4),
        (
            (FIXED, FREE_OUT),
            {"batch_dim": "rows", "whole_inputs": (0,)},
            "(x: float32[4, 3]) -> (y: float32[3])",
            None,
            8,
        ),
    ],
)
def test_rows_are_found_out_or_as_declared(
    give: Give, ports: tuple[Ports, Ports], stage: dict[str, object], contract: str, unbatched: str | None, size: int
) -> None:
    path = str(give(*ports))
    servable, [native] = compose(manifest(OnnxStage(0, path, **stage), NET), FILE)  # type: ignore[arg-type]
    spec = servable.stages[0]
    assert str(servable.methods[0].contract) == contract
    assert (spec.unbatched is None) == (unbatched is None)
    assert (unbatched or "") in (spec.unbatched or "")
    assert spec.policy.max_batch_size == size
    assert native.rows == (unbatched is None)


@pytest.mark.parametrize(
    ("inputs", "outputs", "text", "what"),
    [
        (FREE, FREE_OUT, port("x", "float64", 3), "'parse' gives x: float64[3], but 'net.onnx' takes x: float32[3]"),
        (FREE, FREE_OUT, port("x", "float32", 3, 3), "gives x: float32[3, 3], but 'net.onnx' takes x: float32[3]"),
        (FREE, FREE_OUT, port("x", "float32", 5), "gives x: float32[5], but 'net.onnx' takes x: float32[3]"),
        ([*FREE, ("z", "int64", ["n"])], FREE_OUT, None, "uses net.onnx with 1 inputs, but it has 2: x: float32[n, 3]"),
        (FREE, [*FREE_OUT, ("z", "int64", ["n"])], None, "uses net.onnx with 1 outputs, but it has 2"),
    ],
)
def test_what_cannot_fit_is_told_with_both_sides(
    give: Give, inputs: Ports, outputs: Ports, text: Port | None, what: str
) -> None:
    said = manifest(OnnxStage(0, str(give(inputs, outputs))), NET, text)
    with pytest.raises(Unusable) as refused:
        compose(said, FILE)
    assert what in refused.value.problem.what
    assert refused.value.problem.where == str(FILE)


@pytest.mark.parametrize(
    "text", [port("x", "float32", "n"), port("x", "float32", 3), port("x", "float32", 1, 3), port("x")]
)
def test_what_may_fit_is_left_to_the_request(give: Give, text: Port) -> None:
    compose(manifest(OnnxStage(0, str(give(FREE, FREE_OUT))), NET, text), FILE)


@pytest.mark.parametrize(
    ("outputs", "what"),
    [
        ([("y", "float32", [5, 3])], "has leading dimensions of 4 and 5, so they cannot all count rows"),
        ([("y", "float32", [])], "'y' has no leading dimension that could count rows"),
    ],
)
def test_rows_that_a_model_cannot_have_are_told_with_its_file(give: Give, outputs: Ports, what: str) -> None:
    path = str(give(FIXED, outputs))
    with pytest.raises(Unusable) as refused:
        compose(manifest(OnnxStage(0, path, "rows"), NET), FILE)
    assert refused.value.problem.where == path
    assert what in refused.value.problem.what


def test_an_explicit_number_of_instances_is_taken(give: Give) -> None:
    stage = OnnxStage(0, str(give(FREE, FREE_OUT)), instances=7)
    _, [native] = compose(manifest(stage, NET), FILE)
    assert native.instances == 7
