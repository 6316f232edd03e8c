import json
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from salver.problems import Unusable
from salver.runtimes.workers import load_model, read_contract
from salver.workers.stage import StageFailed

# TorchScript is what PyTorch itself would rather see replaced.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

DECLARED = {
    "inputs": [{"name": "image", "dtype": "float32", "dims": ["n", 4]}],
    "outputs": [{"name": "scores", "dtype": "float32", "dims": ["n", 3]}],
}
BATCH = torch.export.Dim("batch", min=1, max=8)


class Scores(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layer(image), -1)


class Parts(NamedTuple):
    total: torch.Tensor
    half: torch.Tensor


class Optional(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor | None = None, n: int = 2) -> Parts:
        return Parts(a * n if b is None else a + b, a / 2)


class Named(nn.Module):
    def forward(self, a: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"first": a, "second": a + 1}


class Listed(nn.Module):
    def forward(self, a: torch.Tensor) -> list[torch.Tensor]:
        return [a, a + 1]


class Counting(nn.Module):
    def forward(self, a: torch.Tensor, n: int) -> torch.Tensor:
        return a * n


class Writing(nn.Module):
    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return a.add_(1)


class Brain(nn.Module):
    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return a.to(torch.bfloat16)


class Nested(nn.Module):
    """Arguments and results in all the forms that a program may have; `n` and the last result are constants."""

    def forward(self, pair, *, scale, n):
        total = pair["a"] + pair["b"]
        return {"total": total, "rest": (total * scale, pair["a"], total, None)}


class Lookup(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 2)

    def forward(self, ids, mask):
        return self.table(ids) * mask.unsqueeze(-1), torch.cat([ids, ids], 1)


def script(net: nn.Module, file: Path, declared: object = None) -> Path:
    extra = {} if declared is None else {"config.json": json.dumps(declared)}
    torch.jit.save(torch.jit.script(net), str(file), _extra_files=extra)
    return file


def exported(net: nn.Module, file: Path, *inputs: object, **how: object) -> Path:
    torch.export.save(torch.export.export(net.eval(), inputs, **how), str(file))  # type: ignore[arg-type]
    return file


def scores(file: Path) -> Path:
    return exported(Scores(), file, torch.rand(2, 4), dynamic_shapes={"image": {0: BATCH}})


def ones(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.ones(shape, dtype)


def text(ports: object) -> str:
    return ", ".join(map(str, ports))  # type: ignore[call-overload]


def test_torchscript_tells_no_more_than_the_names_of_its_arguments(tmp_path: Path) -> None:
    net = Scores()
    file = script(net, tmp_path / "net.pt")
    assert read_contract(file) is None
    model = load_model(file, {})
    assert (text(model.inputs), text(model.outputs)) == ("image: any", "y0: any")
    x = np.random.default_rng(0).random((5, 4), np.float32)
    np.testing.assert_allclose(model.run([x])[0], net(torch.tensor(x)).detach(), rtol=1e-5)


def test_what_torchscript_declares_in_its_config_is_its_contract(tmp_path: Path) -> None:
    file = script(Scores(), tmp_path / "net.torchscript", DECLARED)
    model = load_model(file, {})
    assert (text(model.inputs), text(model.outputs)) == ("image: float32[n, 4]", "scores: float32[n, 3]")
    assert read_contract(file) == (model.inputs, model.outputs)
    with pytest.raises(ValueError, match=r"input image: float32\[n, 4\] was given float64\[1, 4\]"):
        model.run([ones(1, 4, dtype="float64")])


def test_a_config_for_something_else_declares_nothing(tmp_path: Path) -> None:
    assert text(load_model(script(Scores(), tmp_path / "net.pt", {"max_batch_size": 8}), {}).inputs) == "image: any"


def test_a_traced_model_is_as_good(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.trace(Scores(), torch.zeros(1, 4)), str(tmp_path / "net.pt"))
    assert load_model(tmp_path / "net.pt", {}).run([ones(3, 4)])[0].shape == (3, 3)  # type: ignore[union-attr]


def test_arguments_with_a_default_are_inputs_only_where_they_are_declared(tmp_path: Path) -> None:
    bare = load_model(script(Optional(), tmp_path / "bare.pt"), {})
    assert (text(bare.inputs), text(bare.outputs)) == ("a: any", "y0: any, y1: any")
    assert [y.tolist() for y in bare.run([ones(2)])] == [[2, 2], [0.5, 0.5]]  # type: ignore[union-attr]
    ports = {each: {"name": each, "dtype": "float32", "dims": ["n"]} for each in ("a", "b", "total", "half")}
    declared = {"inputs": [ports["b"], ports["a"]], "outputs": [ports["total"], ports["half"]]}
    full = load_model(script(Optional(), tmp_path / "full.pt", declared), {})
    assert full.run([np.float32([10]), np.float32([2])])[1] == [1]  # type: ignore[arg-type]


def test_outputs_in_a_dictionary_are_taken_by_their_declared_names(tmp_path: Path) -> None:
    outputs = [{"name": each, "dtype": "float32", "dims": ["n"]} for each in ("second", "first")]
    declared = {"inputs": [{"name": "a", "dtype": "float32", "dims": ["n"]}], "outputs": outputs}
    model = load_model(script(Named(), tmp_path / "net.pt", declared), {})
    assert [y.tolist() for y in model.run([ones(1)])] == [[2], [1]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("net", "declared", "what"),
    [
        (Named(), None, r"returns Dict\[str, Tensor\], which may be any number of tensors"),
        (Listed(), None, r"returns List\[Tensor\], which may be any number of tensors"),
        (Counting(), None, "takes 'n', which is no tensor but int"),
        (Named(), DECLARED, "declares the inputs image, but takes a"),
    ],
)
def test_torchscript_that_cannot_be_served_is_a_problem(
    tmp_path: Path, net: nn.Module, declared: object, what: str
) -> None:
    with pytest.raises(Unusable, match=what):
        load_model(script(net, tmp_path / "net.pt", declared), {})


def test_saved_weights_are_no_model(tmp_path: Path) -> None:
    torch.save(Scores().state_dict(), tmp_path / "net.pt")
    with pytest.raises(Unusable, match=r"remedy: save it with torch\.jit\.save"):
        load_model(tmp_path / "net.pt", {})


def test_inputs_are_not_written_to(tmp_path: Path) -> None:
    x = ones(2)
    x.flags.writeable = False
    assert load_model(script(Writing(), tmp_path / "net.pt"), {}).run([x])[0].tolist() == [2, 2]  # type: ignore[union-attr]
    assert x.tolist() == [1, 1]


def test_a_failed_run_says_why_without_the_models_source(tmp_path: Path) -> None:
    with pytest.raises(StageFailed) as failed:
        load_model(script(Scores(), tmp_path / "net.pt"), {}).run([ones(3, 5)])
    assert str(failed.value) == "mat1 and mat2 shapes cannot be multiplied (3x5 and 4x3)"


def test_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="was given text"):
        load_model(script(Scores(), tmp_path / "net.pt"), {}).run([["a"]])


def test_outputs_that_are_no_arrays_fail_the_run(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="no array: Got unsupported ScalarType BFloat16") as failed:
        load_model(script(Brain(), tmp_path / "net.pt"), {}).run([ones(1)])
    assert failed.value.failure.kind == "output"


def test_an_exported_program_tells_all_about_itself(tmp_path: Path) -> None:
    file = scores(tmp_path / "net.pt2")
    assert read_contract(file) is None
    model = load_model(file, {})
    [image], [softmax] = model.inputs, model.outputs
    assert (image.name, image.dtype, softmax.name) == ("image", "float32", "softmax")
    assert image.dims is not None
    assert softmax.dims is not None
    assert image.dims[0] == softmax.dims[0] != ""
    assert (image.dims[1:], softmax.dims[1:]) == ((4,), (3,))


@pytest.mark.parametrize("rows", [1, 2, 8])
def test_a_program_takes_any_length_that_it_was_exported_for(tmp_path: Path, rows: int) -> None:
    [y] = load_model(scores(tmp_path / "net.pt2"), {}).run([ones(rows, 4)])
    np.testing.assert_allclose(np.sum(y, 1), 1, rtol=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "refusal"),
    [
        (ones(9, 4), r"Guard failed: image.size\(\)\[0\] <= 8"),
        (ones(2, 5), r"was given float32\[2, 5\]"),
        (ones(2, 4, dtype="float64"), r"was given float64\[2, 4\]"),
    ],
)
def test_a_program_refuses_what_it_was_not_exported_for(tmp_path: Path, x: np.ndarray, refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal):
        load_model(scores(tmp_path / "net.pt2"), {}).run([x])


def test_lengths_are_named_so_that_equal_ones_have_one_name(tmp_path: Path) -> None:
    length = torch.export.Dim("length", max=100)
    shapes = {each: {0: BATCH, 1: length} for each in ("ids", "mask")}
    file = exported(Lookup(), tmp_path / "net.pt2", torch.ones(2, 5).long(), torch.ones(2, 5), dynamic_shapes=shapes)
    model = load_model(file, {})
    rows, tokens = model.inputs[0].dims or ()
    assert model.inputs[1].dims == (rows, tokens)
    assert [port.dims for port in model.outputs] == [(rows, tokens, 2), (rows, f"2*{tokens}")]
    with pytest.raises(ValueError, match="input mask"):
        model.run([np.ones((2, 3), np.int64), ones(2, 4)])
    with pytest.raises(StageFailed, match="index out of range"):
        model.run([np.full((2, 3), 99), ones(2, 3)])


def test_nested_arguments_and_results_become_a_row_of_ports(tmp_path: Path) -> None:
    pair = {"a": torch.ones(2), "b": torch.ones(2)}
    model = load_model(exported(Nested(), tmp_path / "net.pt2", pair, kwargs={"scale": torch.ones(2), "n": 3}), {})
    assert [port.name for port in model.inputs] == ["pair_a", "pair_b", "scale"]
    assert [port.name for port in model.outputs] == ["add", "mul", "pair_a", "add_3"]
    outputs = model.run([np.float32([1, 2]), np.float32([3, 4]), np.float32([10, 10])])
    assert [y.tolist() for y in outputs] == [[4, 6], [40, 60], [1, 2], [4, 6]]  # type: ignore[union-attr]


def test_a_program_of_what_numpy_lacks_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="has 'to' of bfloat16"):
        load_model(exported(Brain(), tmp_path / "net.pt2", torch.ones(2)), {})


@pytest.mark.parametrize("name", ["net.pt", "net.pt2"])
def test_a_truncated_file_is_unusable(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    scores(file) if name == "net.pt2" else script(Scores(), file)
    whole = file.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(Unusable, match="and copy it completely"):
            load_model(file, {})


def test_torchscript_is_no_exported_program(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"save it with torch\.export\.save"):
        load_model(script(Scores(), tmp_path / "net.pt2"), {})


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"threads": 0}, "by 0 threads on 'cpu': set_num_threads expects a positive integer"),
        ({"device": "abacus"}, "by 1 threads on 'abacus': "),
        ({"treads": 1}, "unknown option 'treads'\n  remedy: its runtime knows threads, device"),
    ],
)
def test_wrong_options_are_a_problem(tmp_path: Path, options: dict[str, object], what: str) -> None:
    with pytest.raises(Unusable, match=what):
        load_model(script(Scores(), tmp_path / "net.pt"), options)


def test_a_model_has_one_thread_unless_it_asks_for_more(tmp_path: Path) -> None:
    file = script(Scores(), tmp_path / "net.pt")
    load_model(file, {"threads": 2})
    assert torch.get_num_threads() == 2
    load_model(file, {})
    assert torch.get_num_threads() == 1


def test_a_model_runs_in_another_thread_than_the_one_that_loaded_it(tmp_path: Path) -> None:
    model = load_model(scores(tmp_path / "net.pt2"), {})
    shapes: list[object] = []
    thread = threading.Thread(target=lambda: shapes.append(np.shape(model.run([ones(2, 4)])[0])))
    thread.start()
    thread.join(30)
    assert shapes == [(2, 3)]
