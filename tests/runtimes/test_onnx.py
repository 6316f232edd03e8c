import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from salver.problems import Unusable
from salver.repository.scan import VersionFolder
from salver.repository.settings import ServableSettings
from salver.runtimes import onnx
from salver.runtimes.samples import Tensor

Ports = list[tuple[str, str, list[int | str]]]


class Model:
    """Stands for `_native.OnnxModel`: gives its inputs back, unless it refuses."""

    def __init__(self, inputs: Ports, outputs: Ports, refusal: str | None = None) -> None:
        self.inputs, self.outputs, self.refusal = inputs, outputs, refusal

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        if self.refusal is not None:
            raise ValueError(self.refusal)
        return list(inputs)


def folder(tmp_path: Path, **settings: object) -> VersionFolder:
    path = tmp_path / "s" / "1" / "model.onnx"
    path.parent.mkdir(parents=True)
    path.touch()
    return VersionFolder("s", 1, path, ServableSettings(**settings))  # type: ignore[arg-type]


FREE: Ports = [("x", "float32", ["n", 3])]
FIXED: Ports = [("x", "float32", [2, 3])]


def test_a_batched_model_declares_rows(tmp_path: Path) -> None:
    servable = onnx.describe(folder(tmp_path, max_batch_size=8, max_wait_ms=2.0), Model(FREE, FREE))  # type: ignore[arg-type]
    [method], [stage] = servable.methods, servable.stages
    assert (servable.name, servable.version, servable.runtime, method.name) == ("s", 1, "onnx", "predict")
    assert str(method.contract) == "(x: float32[3]) -> (x: float32[3])"
    assert method.contract.batched
    assert stage.unbatched is None
    assert (stage.policy.max_batch_size, stage.policy.max_wait_ms) == (8, 2.0)


def test_the_method_has_the_name_that_the_settings_say(tmp_path: Path) -> None:
    [method] = onnx.describe(folder(tmp_path, method="add_common"), Model(FREE, FREE)).methods  # type: ignore[arg-type]
    assert method.name == "add_common"


@pytest.mark.parametrize(
    ("ports", "settings", "reason"),
    [
        (FIXED, {}, "input 'x' has the fixed leading dimension 2"),
        (FREE, {"batching": False}, "salver.toml says batching = false"),
    ],
)
def test_an_unbatched_model_declares_whole_shapes_and_why(
    tmp_path: Path, ports: Ports, settings: dict[str, object], reason: str
) -> None:
    servable = onnx.describe(folder(tmp_path, **settings), Model(ports, ports))  # type: ignore[arg-type]
    assert servable.stages[0].unbatched == reason
    assert servable.stages[0].inputs == onnx.ports(ports)
    assert not servable.methods[0].contract.batched


def test_an_explicit_wish_is_not_tried(tmp_path: Path) -> None:
    servable = onnx.describe(folder(tmp_path, batching=True), Model(FREE, FREE, refusal="never"))  # type: ignore[arg-type]
    assert servable.methods[0].contract.batched


def test_a_wish_that_the_shapes_forbid_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="says batching = true, but input 'x' has the fixed leading dimension 2"):
        onnx.describe(folder(tmp_path, batching=True), Model(FIXED, FIXED))  # type: ignore[arg-type]


def test_a_model_without_inputs_cannot_be_served(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="no inputs or no outputs"):
        onnx.describe(folder(tmp_path), Model([], FREE))  # type: ignore[arg-type]


def test_a_model_that_refuses_every_trial_is_told_with_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.try_model(path, Model(FIXED, FIXED))  # type: ignore[arg-type]
    with pytest.raises(Unusable, match="refused every trial input: too warm"):
        onnx.try_model(path, Model(FIXED, FIXED, refusal="too warm"))  # type: ignore[arg-type]


def test_small_models_get_an_instance_per_core_and_large_ones_one(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"small")
    assert onnx.default_instances(tmp_path.iterdir()) == len(os.sched_getaffinity(0))
    with (tmp_path / "model.onnx.data").open("wb") as weights:
        weights.truncate(10 * 1000**2)
    assert onnx.default_instances(tmp_path.iterdir()) == 1


def test_settings_of_workers_are_none_of_an_onnx_model(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="sets workers, but an ONNX model runs without workers"):
        onnx.load(folder(tmp_path, workers=2), NoWorkers())


class NoWorkers:
    """A host that is not asked for any."""

    def supervisor(self) -> NoReturn:
        raise AssertionError

    def give_up(self) -> NoReturn:
        raise AssertionError


def test_a_provider_that_the_library_lacks_is_told_with_the_settings_file(tmp_path: Path) -> None:
    library = tmp_path / "libonnxruntime.so.1.23.0"
    with pytest.raises(Unusable, match="asks for the provider 'cuda'") as refused:
        onnx.check_providers(library, ("cuda", "cpu"), tmp_path / "salver.toml")
    assert refused.value.problem.where == str(tmp_path / "salver.toml")
    assert "onnxruntime-gpu" in refused.value.problem.remedy
    (tmp_path / "libonnxruntime_providers_cuda.so").touch()
    onnx.check_providers(library, ("cuda", "cpu"), tmp_path / "salver.toml")


@pytest.mark.parametrize(
    ("library", "told"),
    [
        (None, "is not installed"),
        ("libonnxruntime.so.1.22.1", "is too old: version 1.23 or newer is needed"),
        ("libonnxruntime.so.strange", "is too old"),
        ("libonnxruntime.so.1.23.0", None),
        ("libonnxruntime.so.2.0.0", None),
    ],
)
def test_the_library_is_found_and_its_version_checked_without_loading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str | None, told: str | None
) -> None:
    package = tmp_path / "onnxruntime"
    (package / "capi").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    if library is not None:
        (package / "capi" / library).touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    if told is None:
        assert onnx.find_library() == package / "capi" / str(library)
        return
    with pytest.raises(Unusable, match=told) as refused:
        onnx.find_library()
    assert "pip install --upgrade" in refused.value.problem.remedy
