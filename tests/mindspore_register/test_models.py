"""Declared models: which file they are, who runs them, and how rows become their tensors."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from examples.models import make_model
from salver.authoring.mindspore.secret import Secret
from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.workers import ModelCode
from salver.workers.program import Program
from salver.workers.stage import Batch, Failure, StageFailed

from .servables import (
    REGISTER,
    FakeModel,
    FakeRuntimes,
    add_model,
    floats,
    load,
    load_text,
    run,
    stage_of,
    write_servable,
)

DECLARED = """
model = register.declare_model({arguments})

@register.register_method("y")
def m(x):
    return register.add_stage(model, x, outputs_count=1)
"""
TWO_INPUTS = """
model = register.declare_model({arguments})

@register.register_method("y")
def m(x1, x2):
    return register.add_stage(model, x1, x2, outputs_count=1)
"""


def one_input(text: str) -> str:
    return REGISTER + DECLARED.format(arguments=text)


def two_inputs(text: str) -> str:
    return REGISTER + TWO_INPUTS.format(arguments=text)


def identity(*dims: int | str) -> FakeModel:
    return FakeModel(lambda x: x, [floats("x", *dims)], [floats("y", *dims)])


@pytest.mark.parametrize("name", ["x.mindir", "x.ms", "x.om", "x.onnx"])
def test_an_onnx_file_of_the_same_name_is_run_by_the_server(tmp_path: Path, name: str) -> None:
    place = write_servable(tmp_path, one_input(f'"{name}", "MindIR"'), files=[name])
    assert place.folder is not None
    ports = [[(port, TensorProto.FLOAT, ["n", 3])] for port in ("x", "y")]
    onnx.save(make_model([helper.make_node("Identity", ["x"], ["y"])], *ports), place.folder / "x.onnx")
    program = load(place, FakeRuntimes({}))
    (stage,) = program.manifest.onnx
    assert (stage.stage, stage.file, stage.batch_dim) == (0, str(place.folder / "x.onnx"), "rows")
    assert (stage.whole_inputs, stage.threads) == ((), 1)
    spec = program.manifest.servable.stages[0]
    assert (spec.name, spec.unbatched, spec.policy.max_batch_size) == (name, None, 32)
    assert (spec.inputs[0].dims, program.manifest.lanes) == ((3,), ())


def test_onnx_is_a_format_of_its_own(tmp_path: Path) -> None:
    place = write_servable(tmp_path, one_input('"net.bin", "ONNX", with_batch_dim=False'), files=["net.bin"])
    program = load(place, FakeRuntimes({"net.bin": identity(1, 3)}))
    (stage,) = program.manifest.onnx
    assert (Path(stage.file).name, stage.batch_dim) == ("net.bin", "none")
    assert program.manifest.servable.stages[0].inputs[0].dims == (1, 3)


def test_a_context_says_how_many_threads(tmp_path: Path) -> None:
    text = one_input('"x.onnx", "ONNX", context=register.Context(thread_num=3)')
    place = write_servable(tmp_path, text, files=["x.onnx"])
    (stage,) = load(place, FakeRuntimes({"x.onnx": identity("n", 3)})).manifest.onnx
    assert stage.threads == 3


@pytest.mark.parametrize(
    ("name", "secret", "options"),
    [
        ("x.mindir", Secret(b"0123456789abcdef", "AES-CBC"), {"dec_key": b"0123456789abcdef", "dec_mode": "AES-CBC"}),
        ("x.mindir", None, {}),
        ("x.table", Secret(b"0123456789abcdef", "AES-CBC"), {}),
    ],
)
def test_a_key_is_for_mindir_files(
    tmp_path: Path, name: str, secret: Secret | None, options: dict[str, object]
) -> None:
    place = write_servable(tmp_path, one_input(f'"{name}", "MindIR"'), files=[name])
    runtimes = FakeRuntimes({name: identity("n", 3)})
    load(replace(place, secret=secret), runtimes)
    assert runtimes.options == {name: options}
    assert "0123456789abcdef" not in repr(secret)


@pytest.mark.parametrize("silent", [False, True])
def test_an_extra_worker_says_the_same_as_others_and_leaves_its_models_to_them(tmp_path: Path, silent: bool) -> None:
    text = two_inputs('"x.mindir", "MindIR"').replace(
        "return register.add_stage(model, x1, x2, outputs_count=1)",
        "return register.add_stage(lambda y: y, register.add_stage(model, x1, x2, outputs_count=1), outputs_count=1)",
    )
    place = write_servable(tmp_path, text, files=["x.mindir"])
    with_device = load(place, FakeRuntimes({"x.mindir": add_model("n", 3)}))
    runtimes = FakeRuntimes({"x.mindir": add_model("n", 3)}, silent)
    extra = load(replace(place, models_elsewhere=True), runtimes)
    assert extra.manifest == with_device.manifest
    assert [lane.optional for lane in extra.manifest.lanes] == [False, True]
    assert (with_device.lanes(), extra.lanes()) == ([0, 1], [0])
    assert (set(with_device.stages), set(extra.stages)) == ({0, 1}, {1})
    assert list(runtimes.options) == (["x.mindir"] if silent else [])
    assert runtimes.models["x.mindir"].closed == silent
    extra.warm_up()
    extra.close()


def test_what_has_no_use_here_is_said_to_be_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = '"x.mindir", "MindIR", context=register.Context(), options=1, config_file="lite.cfg"'
    load_text(tmp_path, one_input(text), x_mindir=identity("n", 3))
    assert [record.getMessage() for record in caplog.records] == [
        "'options' is ignored, because 'context' is given",
        "'config_file' is ignored: it is for MindSpore Lite, which runs no model here",
    ]


def loaded(tmp_path: Path, arguments: str, model: FakeModel) -> Program:
    text = (two_inputs if len(model.inputs) == 2 else one_input)(arguments)
    return load_text(tmp_path, text, x_mindir=model)


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_a_fixed_number_of_rows_is_filled_up_with_the_first(tmp_path: Path, rows: int) -> None:
    model = identity(4, 2)
    program = loaded(tmp_path, '"x.mindir", "MindIR"', model)
    assert program.manifest.servable.stages[0].policy.max_batch_size == 4
    column = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    outputs = [row[0].tolist() for row in run(stage_of(program, "x.mindir"), rows, column)]  # type: ignore[index]
    assert outputs == column.tolist()
    assert np.array_equal(model.given[0][0], np.concatenate([column, column[:1].repeat(4 - rows, axis=0)]))


def test_text_is_put_together_and_filled_up_like_everything_else(tmp_path: Path) -> None:
    model = FakeModel(lambda text: text, [Port("x", "str", (4,))], [Port("y", "str", (4,))])
    program = loaded(tmp_path, '"x.mindir", "MindIR"', model)
    assert run(stage_of(program, "x.mindir"), 2, ["one", "two"]) == [("one",), ("two",)]
    assert model.given == [[["one", "two", "one", "one"]]]


def test_a_free_number_of_rows_is_taken_as_it_comes(tmp_path: Path) -> None:
    model = identity("n", 2)
    run(stage_of(loaded(tmp_path, '"x.mindir", "MindIR"', model), "x.mindir"), 3, np.zeros((3, 2), np.float32))
    assert np.shape(model.given[0][0]) == (3, 2)


def test_without_batch_dimension_every_row_is_a_run(tmp_path: Path) -> None:
    model = identity(1, 2)
    program = loaded(tmp_path, '"x.mindir", "MindIR", with_batch_dim=False', model)
    spec = program.manifest.servable.stages[0]
    assert (spec.unbatched, spec.inputs[0].dims) == ("it is declared with with_batch_dim=False", (1, 2))
    outputs = run(stage_of(program, "x.mindir"), 2, np.zeros((2, 1, 2), np.float32))
    assert [np.shape(row[0]) for row in outputs] == [(1, 2), (1, 2)]  # type: ignore[index]
    assert [np.shape(given) for (given,) in model.given] == [(1, 2), (1, 2)]


def test_an_input_without_batch_dimension_is_the_first_rows(tmp_path: Path) -> None:
    model = FakeModel(lambda x1, x2: x1 * x2, [floats("x1", "n", 2), floats("x2", 2)], [floats("y", "n", 2)])
    program = loaded(tmp_path, '"x.mindir", "MindIR", without_batch_dim_inputs=(1,)', model)
    spec = program.manifest.servable.stages[0]
    assert [port.dims for port in spec.inputs] == [(2,), (2,)]
    scale = np.array([[1, 2], [3, 4]], np.float32)
    outputs = run(stage_of(program, "x.mindir"), 2, np.ones((2, 2), np.float32), scale)
    assert [row[0].tolist() for row in outputs] == [[1, 2], [1, 2]]  # type: ignore[index]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (np.zeros((1, 1, 2), np.float32), None),
        (np.zeros((1, 2, 1), np.float32), None),
        (np.zeros((1, 3), np.float32), "Given model input 0 size 12 not match the size 8 defined in model"),
        (np.zeros((1, 2), np.float64), "Given model input 0 size 16 not match the size 8 defined in model"),
        (
            np.zeros((1, 2), np.int32),
            "Given model input 0 data type kMSI_Int32 not match the data type kMSI_Float32 defined in model",
        ),
        (
            np.zeros((1, 8), np.uint8),
            "Given model input 0 data type kMSI_Uint8 not match the data type kMSI_Float32 defined in model",
        ),
        (
            ["text"],
            "Given model input 0 data type kMSI_String not match the data type kMSI_Float32 defined in model",
        ),
        (
            [b"octets"],
            "Given model input 0 data type kMSI_Bytes not match the data type kMSI_Float32 defined in model",
        ),
    ],
)
def test_inputs_must_have_the_models_type_and_size_whatever_their_shape(
    tmp_path: Path, column: Any, text: str | None
) -> None:
    model = identity("n", 2)
    stage = stage_of(loaded(tmp_path, '"x.mindir", "MindIR"', model), "x.mindir")
    if text is None:
        stage.run(Batch(1, [column]))
        assert np.shape(model.given[0][0]) == (1, 2)
        return
    with pytest.raises(StageFailed) as raised:
        stage.run(Batch(1, [column]))
    assert raised.value.failure == Failure(text, kind="invalid")


def test_an_input_of_any_length_must_have_the_other_dimensions(tmp_path: Path) -> None:
    stage = stage_of(loaded(tmp_path, '"x.mindir", "MindIR"', identity("n", "", 2)), "x.mindir")
    stage.run(Batch(1, [np.zeros((1, 5, 2), np.float32)]))
    with pytest.raises(StageFailed) as raised:
        stage.run(Batch(1, [np.zeros((1, 5, 3), np.float32)]))
    text = "Given model input 0 shape [5, 3] not match the shape ['any', 2] defined in model"
    assert raised.value.failure == Failure(text, kind="invalid")


def refusing(error: Exception) -> Callable[..., Any]:
    def compute(*_: Any) -> Any:
        raise error

    return compute


@pytest.mark.parametrize(
    ("compute", "failure"),
    [
        (refusing(StageFailed(Failure("out of memory"))), Failure("Predict Failed: out of memory")),
        (refusing(ValueError("not this")), Failure("Predict Failed: not this", kind="invalid")),
        (
            lambda x: x[:1],
            Failure("Predict Failed: output 0 is not of 2 rows, as the model's inputs are", kind="output"),
        ),
    ],
)
def test_a_run_that_fails(tmp_path: Path, compute: Callable[..., Any], failure: Failure) -> None:
    model = FakeModel(compute, [floats("x", "n", 2)], [floats("y", "n", 2)])
    stage = stage_of(loaded(tmp_path, '"x.mindir", "MindIR"', model), "x.mindir")
    with pytest.raises(StageFailed) as raised:
        stage.run(Batch(2, [np.zeros((2, 2), np.float32)]))
    assert raised.value.failure == failure


def test_a_model_with_known_shapes_is_run_once_before_the_worker_is_ready(tmp_path: Path) -> None:
    models = [identity(4, 2), identity("n", "", 2)]
    for index, model in enumerate(models):
        loaded(tmp_path / str(index), '"x.mindir", "MindIR"', model).warm_up()
    assert [len(model.given) for model in models] == [1, 0]


def test_a_model_that_does_not_run_zeros_is_served_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = FakeModel(refusing(ValueError("0 is no key")), [floats("x", "n", 2)], [floats("y", "n", 2)])
    loaded(tmp_path, '"x.mindir", "MindIR"', model).warm_up()
    assert caplog.messages == [
        "the model 'x.mindir' is not warmed up, for it does not run zeros: Predict Failed: 0 is no key"
    ]


def test_models_are_let_go_of_when_the_worker_ends(tmp_path: Path) -> None:
    model = identity("n", 2)
    loaded(tmp_path, '"x.mindir", "MindIR"', model).close()
    assert model.closed


LOAD_FAILED = (
    "Load model failed, servable directory: '{directory}', servable name: 'add', model file: '[{files}]', version "
    "number 1,model context: thread_num: None, thread_affinity_core_list: [], enable_parallel: None, device_list, [], "
    "load error details: {details}"
)


@pytest.mark.parametrize(
    ("arguments", "ports", "details"),
    [
        ('"x.mindir", "MindIR"', None, "there is no file 'x.mindir'"),
        ('"x.om", "OM"', None, "'x.om' is a model compiled for Ascend cards, which salver does not run"),
        ('"x.mindir", "OM"', None, "'x.mindir' is a model compiled for Ascend cards, which salver does not run"),
        (
            '"x.mindir", "MindIR"',
            (4, 3),
            "with_batch_dim is True, but the first dimensions of 'x.mindir' differ: x: 4, y: 3",
        ),
        (
            '"x.mindir", "MindIR"',
            ("n", 3),
            "with_batch_dim is True, but the first dimensions of 'x.mindir' differ: x: n, y: 3",
        ),
        ('"x.mindir", "MindIR"', (), "with_batch_dim is True, but 'x' of 'x.mindir' has no dimensions"),
        (
            '"x.mindir", "MindIR", without_batch_dim_inputs=(1,)',
            (3, 3),
            "without_batch_dim_inputs names input 1, but 'x.mindir' has 1 inputs",
        ),
    ],
)
def test_models_that_cannot_be_loaded(
    tmp_path: Path, arguments: str, ports: tuple[int | str, ...] | None, details: str
) -> None:
    files, models = [], {}
    if ports is not None:
        files = ["x.mindir"]
        models = {"x.mindir": FakeModel(lambda x: x, [floats("x", *ports[:1])], [floats("y", *ports[1:])])}
    place = write_servable(tmp_path, one_input(arguments), files=files)
    with pytest.raises(Unusable) as raised:
        load(place, FakeRuntimes(models))
    expected = LOAD_FAILED.format(directory=tmp_path, files=arguments.split('"')[1], details=details)
    assert raised.value.problem.what == expected
    assert all(model.closed for model in models.values())


def test_what_a_runtime_refuses_keeps_its_place_and_remedy(tmp_path: Path) -> None:
    class Refusing(FakeRuntimes):
        def load(self, file: Path, options: Any) -> Any:
            raise Unusable(file, "needs mindspore, which is not installed", "pip install 'salver[mindspore]'")

    place = write_servable(tmp_path, one_input('"x.mindir", "MindIR"'), files=["x.mindir"])
    assert place.folder is not None
    with pytest.raises(Unusable) as raised:
        load(place, Refusing({}))
    problem = raised.value.problem
    assert (problem.where, problem.remedy) == (str(place.folder / "x.mindir"), "pip install 'salver[mindspore]'")
    assert problem.what.endswith("load error details: needs mindspore, which is not installed")


def test_subgraphs_must_have_one_batch_size(tmp_path: Path) -> None:
    text = one_input('["a.mindir", "b.mindir"], "MindIR"')
    models = {"a.mindir": identity(2, 3), "b.mindir": identity(4, 3)}
    with pytest.raises(
        Unusable, match=r"the subgraphs of one model have different batch sizes: a.mindir: 2, b.mindir: 4"
    ):
        load(write_servable(tmp_path, text, files=list(models)), FakeRuntimes(models))
    assert all(model.closed for model in models.values())


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (identity("n", 2), "The inputs count 2 in register_method not equal to the count 1 defined in model"),
        (
            FakeModel(np.divmod, add_model("n").inputs, [floats("y", "n"), floats("z", "n")]),
            "The outputs count 1 in register_method not equal to the count 2 defined in model",
        ),
    ],
)
def test_a_models_stage_has_the_models_inputs_and_outputs(tmp_path: Path, model: FakeModel, text: str) -> None:
    with pytest.raises(Unusable) as raised:
        load_text(tmp_path, two_inputs('"x.mindir", "MindIR"'), x_mindir=model)
    assert raised.value.problem.what == f"{text}, model info: x.mindir, subgraph: 0"


def test_ports_of_methods_are_typed_where_all_models_agree(tmp_path: Path) -> None:
    text = """
a = register.declare_model("a.mindir", "MindIR")
b = register.declare_model("b.mindir", "MindIR")

@register.register_method(["same", "x1"])
def m(x1, x2):
    one = register.add_stage(a, x1, outputs_count=1)
    register.add_stage(b, x1, outputs_count=1)
    register.add_stage(a, x2, outputs_count=1)
    return one, x2
"""
    models = {"a_mindir": identity("n", 2), "b_mindir": identity("n", 1, 2)}
    contract = load_text(tmp_path, REGISTER + text, **models).manifest.servable.methods[0].contract
    assert contract.inputs == (Port("x1", None, None), Port("x2", "float32", (2,)))
    assert contract.outputs == (Port("same", "float32", (2,)), Port("x1", "float32", (2,)))


def test_the_fake_is_what_runtimes_are() -> None:
    assert isinstance(identity(1), ModelCode)
