"""Models that a servable declares: which file, who runs it, and what its rows are."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto
from support.models import averaging, batchable_add, identity
from support.programs import batch, line_of, load, run, shown, write

from examples.models import add
from salver.authoring.manifest import Lane, OnnxStage
from salver.authoring.models import Model
from salver.authoring.spec import Policy, Port
from salver.problems import Unusable
from salver.runtimes.workers import ModelCode, Signature
from salver.workers.servable import model_stages
from salver.workers.servable import models as found
from salver.workers.servable.load import load_servable
from salver.workers.stage import Batch, Column, Failure, Stage, StageFailed

ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)

TABLE = {
    "inputs": [{"name": "word", "dtype": "str", "dims": ["n"]}],
    "outputs": [{"name": "vector", "dtype": "float32", "dims": ["n", 2]}],
    "rows": {"cat": [[1, 2]], "dog": [[3, 4]]},
}


def save(folder: Path, name: str, model: ModelProto) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / name)


class Code(ModelCode):
    """Doubles its input; negative ones it does not take, and at zero it breaks."""

    def __init__(self, *dims: Sequence[int | str]) -> None:
        of_input, of_output = dims if len(dims) == 2 else (dims[0], dims[0])
        x, y = Port("x", "float32", tuple(of_input)), Port("y", "float32", tuple(of_output))
        super().__init__(Signature((x,), (y,)))
        self.seen: list[tuple[int, ...]] = []
        self.closed = False

    def run(self, columns: Sequence[Column]) -> list[Column]:
        [x] = columns
        assert isinstance(x, np.ndarray)
        self.seen.append(x.shape)
        if (x < 0).any():
            raise ValueError("it is negative")
        if (x == 0).any():
            raise RuntimeError("division by zero")
        if (x == 99).any():
            raise StageFailed(Failure("the framework's own text"))
        return [x * 2]  # type: ignore[operator]

    def close(self) -> None:
        self.closed = True


def model(**given: Any) -> Model:
    from salver.authoring.models import model as declare

    return declare("net.double", **given)


def stage_of(declared: Model, code: Code) -> Stage:
    described = found._described(declared, Path("net.double"), code.inputs, code.outputs, code)
    code.seen.clear()
    return model_stages.stage_of(described)


# ONNX files are described by what the file says, and run by the server.


def test_an_onnx_file_is_left_to_the_server(tmp_path: Path) -> None:
    save(tmp_path, "rows.onnx", batchable_add())
    save(tmp_path / "1", "whole.onnx", add())
    program = load(
        tmp_path,
        """
        rows = salver.model("rows.onnx", max_batch_size=8, max_wait_ms=1, instances=2, threads=3, providers=("cpu",))
        whole = salver.model("whole.onnx")

        @salver.method
        def by_row(x1, x2):
            return rows(x1, x2)

        @salver.method
        def at_once(x1, x2) -> Float32[np.ndarray, "2 2"]:
            return whole(x1, x2)
        """,
        folder=tmp_path / "1",
    )
    manifest = program.manifest
    rows, whole = manifest.servable.stages
    assert program.stages == {}
    assert manifest.lanes == ()
    assert manifest.onnx == (
        OnnxStage(0, str(tmp_path / "rows.onnx"), "auto", (), 3, ("cpu",), instances=2),
        OnnxStage(1, str(tmp_path / "1" / "whole.onnx"), "auto"),
    )
    assert (rows.unbatched, rows.policy) == (None, Policy(8, 1.0))
    assert whole.unbatched == "input 'x1' has the fixed leading dimension 2"
    shown_contracts = [f"{each.contract} {each.contract.batched}" for each in manifest.servable.methods]
    assert shown_contracts == [
        "(x1: float32[2, 2], x2: float32[2, 2]) -> (output: float32[2, 2]) True",
        "(x1: float32[2, 2], x2: float32[2, 2]) -> (output: float32[2, 2]) False",
        "(x0: float32[2, 2], x1: float32[2, 2]) -> (y0: float32[2, 2]) True",
        "(x0: float32[2, 2], x1: float32[2, 2]) -> (y0: float32[2, 2]) False",
    ]


@pytest.mark.parametrize(
    ("said", "file", "wanted"),
    [
        ("", averaging(), ("auto", "x: float32[2]", None, 32)),
        ("batching=False", averaging(), ("none", "x: float32[n, 2]", "it is declared with batching=False", 32)),
        ("batching=True", averaging(), ("rows", "x: float32[2]", None, 32)),
        ("batching=True", add(), ("rows", "x1: float32[2]", None, 2)),
        ("", identity(TensorProto.STRING), ("auto", "x: str", None, 32)),
    ],
)
def test_the_batch_dimension_is_as_the_author_says(
    tmp_path: Path, said: str, file: ModelProto, wanted: tuple[object, ...]
) -> None:
    save(tmp_path, "net.onnx", file)
    program = load(tmp_path, f'net = salver.model("net.onnx", {said})\n@salver.method\ndef m(x: int): return x')
    [stage], [native] = program.manifest.servable.stages, program.manifest.onnx
    assert (native.batch_dim, str(stage.inputs[0]), stage.unbatched, stage.policy.max_batch_size) == wanted


# Others are run here, each in a lane of its own.


def test_a_model_of_another_runtime_has_a_lane_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "words.table").write_text(json.dumps(TABLE))
    program = load(
        tmp_path,
        """
        words = salver.model("words.table", batching=True)

        @salver.stage
        def lower(text: str) -> str:
            return text.lower()

        @salver.method
        def embed(text: str):
            return words(lower(text))
        """,
    )
    assert program.manifest.lanes == (Lane((1,)), Lane((0,)))
    assert str(program.manifest.servable.methods[0].contract) == "(text: str) -> (output: float32[2])"
    [vectors] = run(program, "words.table", ["dog", "cat"])
    assert vectors.tolist() == [[3, 4], [1, 2]]
    # Of several, one is at fault, which is found out by halves; alone, it is its caller's fault.
    with pytest.raises(StageFailed) as raised:
        run(program, "words.table", ["dog", "bird"])
    assert raised.value.failure.kind == "raised"
    with pytest.raises(StageFailed) as raised:
        run(program, "words.table", ["bird"])
    assert raised.value.failure == Failure("the model 'words.table' failed: 'bird' is not in the table", kind="invalid")


def test_rows_are_run_together_where_the_model_takes_them_so() -> None:
    code = Code(["n", 2])
    stage = stage_of(model(batching=True), code)
    [doubled] = stage.run(batch(ROWS + 1))
    assert np.array_equal(doubled, (ROWS + 1) * 2)  # type: ignore[arg-type]
    assert code.seen == [(3, 2)]


@pytest.mark.parametrize(
    ("dims", "said"),
    [([1, 2], {}), (["n", 2], {"batching": False}), (["n", "n"], {})],
)
def test_rows_are_run_apart_where_it_does_not(dims: list[int | str], said: dict[str, Any]) -> None:
    code = Code(dims)
    stage = stage_of(model(**said), code)
    whole = np.arange(1, 7, dtype=np.float32).reshape(3, 1, 2)
    whole[1] = -1
    pieces = stage.run(batch(whole))
    assert [each[:2] for each in map(tuple, shown_kinds(pieces))] == [(1, "given"), (1, "invalid"), (1, "given")]
    assert code.seen == [(1, 2)] * 3


def shown_kinds(pieces: Any) -> list[Any]:
    return [(rows, what if isinstance(what, str) else "given") for rows, what in shown(pieces)]


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_a_fixed_number_of_rows_is_filled_up(rows: int) -> None:
    code = Code([4, 2])
    stage = stage_of(model(batching=True), code)
    whole = np.arange(1, 2 * rows + 1, dtype=np.float32).reshape(rows, 2)
    [doubled] = stage.run(batch(whole))
    assert np.array_equal(doubled, whole * 2)  # type: ignore[arg-type]
    assert code.seen == [(4, 2)]


@pytest.mark.parametrize(("rows", "ran"), [(1, 2), (2, 2), (3, 4), (5, 5)])
def test_batches_are_filled_up_to_the_next_allowed_size(rows: int, ran: int) -> None:
    code = Code(["n", 2])
    declared = model(batching=True)
    declared = replace(declared, policy=replace(declared.policy, allowed_batch_sizes=(2, 4)))
    whole = np.arange(1, 2 * rows + 1, dtype=np.float32).reshape(rows, 2)
    [doubled] = stage_of(declared, code).run(batch(whole))
    assert np.array_equal(doubled, whole * 2)  # type: ignore[arg-type]
    assert code.seen == [(ran, 2)]


def test_outputs_that_are_no_rows_are_refused() -> None:
    class Sums(Code):
        def run(self, columns: Sequence[Column]) -> list[Column]:
            return [np.sum(columns[0], keepdims=True)[0]]  # type: ignore[call-overload]

    with pytest.raises(StageFailed) as raised:
        stage_of(model(batching=True), Sums(["n", 2])).run(Batch(3, [ROWS]))
    assert raised.value.failure.kind == "output"
    assert "declare batching=False" in raised.value.failure.message


@pytest.mark.parametrize(
    ("value", "message"),
    [(0, "RuntimeError: division by zero"), (99, "the framework's own text")],
)
def test_a_run_that_fails_is_told_with_its_model(value: float, message: str) -> None:
    stage = stage_of(model(batching=True), Code(["n", 2]))
    with pytest.raises(StageFailed) as raised:
        stage.run(batch(np.full((2, 2), value, np.float32)))
    assert raised.value.failure == Failure(f"the model 'net.double' failed: {message}", kind="raised")


def test_rows_that_depend_on_each_other_are_found_out() -> None:
    class Sums(Code):
        def run(self, columns: Sequence[Column]) -> list[Column]:
            [x] = columns
            return [x - np.mean(x, axis=0)]  # type: ignore[call-overload,operator]

    code = Sums(["n", 2])
    described = found._described(model(), Path("net.double"), code.inputs, code.outputs, code)
    assert described.ports.unbatched == "two rows run together gave another 'y' than each by itself"


# What goes wrong is the author's to mend, at the line of the declaration.


@pytest.mark.parametrize(
    ("declared", "what", "remedy"),
    [
        ('"nowhere.onnx"', "the model 'nowhere.onnx', which is neither in {0} nor {0}/1", "mend the path"),
        ('"net.xyz"', "'net.xyz', which no runtime that is installed runs", ".onnx, "),
        ('"net.onnx", device="cuda"', "gives 'net.onnx' the option device", "threads, providers, optimization"),
        ('"net.onnx", threads=0', "says threads=0", "from 1 to 1024"),
        ('"words.table", instances=2', "says instances=2 of 'words.table'", "workers="),
        (
            '"scalar.onnx", batching=True',
            "batching=True of 'scalar.onnx', but its input 'x' has no dim",
            "leading dimension",
        ),
    ],
)
def test_a_model_that_cannot_be_used_is_told_at_its_declaration(
    tmp_path: Path, declared: str, what: str, remedy: str
) -> None:
    for name in ("net.onnx", "net.xyz"):
        save(tmp_path, name, batchable_add())
    scalar = identity(TensorProto.FLOAT)
    for value in (*scalar.graph.input, *scalar.graph.output):
        value.type.tensor_type.shape.ClearField("dim")
    save(tmp_path, "scalar.onnx", scalar)
    (tmp_path / "words.table").write_text(json.dumps(TABLE))
    (tmp_path / "1").mkdir()
    file = write(tmp_path, f"net = salver.model({declared})  # here\n")
    with pytest.raises(Unusable) as refused:
        load_servable(file, "s", 1, tmp_path / "1")
    problem = refused.value.problem
    assert problem.where == line_of(file)
    assert what.format(tmp_path) in problem.what
    assert remedy in problem.remedy


def test_models_that_are_loaded_are_closed_with_the_program_or_when_loading_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[Code] = []

    def load_model(_path: Path, options: Any) -> Code:
        codes.append(Code(["n", 2]))
        assert options == {"speed": 3}
        return codes[-1]

    monkeypatch.setattr("salver.runtimes.workers.load_model", load_model)
    monkeypatch.setattr("salver.runtimes.workers.suffixes", lambda: frozenset({".double"}))
    (tmp_path / "net.double").touch()
    source = 'net = salver.model("net.double", speed=3)\n'
    with pytest.raises(Unusable, match="has no method"):
        load(tmp_path, source)
    program = load(tmp_path, f"{source}@salver.method\ndef m(x): return net(x)")
    assert [code.closed for code in codes] == [True, False]
    program.close()
    assert [code.closed for code in codes] == [True, True]


def test_why_a_model_takes_more_than_a_row_is_told_where_it_does_not_fit(tmp_path: Path) -> None:
    save(tmp_path, "add.onnx", add())
    source = """
    net = salver.model("add.onnx")

    @salver.method
    def m(x1: Pair, x2: Pair):
        return net(x1, x2)  # here
    """
    with pytest.raises(
        Unusable, match=r"because input 'x1' has the fixed leading dimension 2\): 1 dimensions are not 2"
    ):
        load(tmp_path, source)
