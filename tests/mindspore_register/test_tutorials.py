"""The files of the tutorials and of the original's examples, as plans."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from support.paths import ROOT

from examples.models import add
from salver.authoring.manifest import manifest_from_json
from salver.authoring.spec import Input, Method, Port, Step, StepOutput
from salver.workers.assignment import Assignment
from salver.workers.program import Program
from salver.workers.servable_config.load import load_servable_config

from .servables import FakeModel, FakeRuntimes, add_model, floats, load, run, stage_of, write_servable

MATRIX = (floats("", 2, 2).dtype, (2, 2))
UNTYPED = (None, None)

# Of release 1.2 the tutorial's, word by word; of release 1.5 the example's.
ADD_R12 = (ROOT / "tests/mindspore_server/tutorials/r1.2/servable_config.py").read_text()
ADD_R15 = (ROOT / "examples/mindspore/add/add/servable_config.py").read_text()


def method_of(program: Program, name: str) -> Method:
    return next(method for method in program.manifest.servable.methods if method.name == name)


def types(ports: tuple[Port, ...]) -> dict[str, tuple[object, object]]:
    return {port.name: (port.dtype, port.dims) for port in ports}


def stage_names(program: Program, method: str) -> list[str]:
    stages = program.manifest.servable.stages
    return [stages[step.stage].name for step in method_of(program, method).plan.steps]


@pytest.mark.parametrize("text", [ADD_R12, ADD_R15], ids=["r1.2", "r1.5"])
def test_the_tutorial_of_add(tmp_path: Path, text: str) -> None:
    place = write_servable(tmp_path, text)
    assert place.folder is not None
    onnx.save(add(), place.folder / "tensor_add.onnx")
    program = load_servable_config(place.file, 1, place.folder, device_id=0)
    manifest = program.manifest
    assert manifest_from_json(manifest.to_json()) == manifest

    servable = manifest.servable
    assert (servable.name, servable.version, servable.runtime) == ("add", 1, "mindspore")
    assert [method.name for method in servable.methods] == ["add_common", "add_cast", "@call_tensor_add.mindir_0"]
    assert all(method.contract.batched for method in servable.methods)

    common, cast_method, call = servable.methods
    assert types(common.contract.inputs) == {"x1": MATRIX, "x2": MATRIX}
    assert types(cast_method.contract.inputs) == {"x1": UNTYPED, "x2": UNTYPED}
    assert types(cast_method.contract.outputs) == {"y": MATRIX}
    assert types(call.contract.inputs) == {"x0": MATRIX, "x1": MATRIX}
    assert types(call.contract.outputs) == {"y0": MATRIX}
    assert stage_names(program, "add_common") == ["tensor_add.mindir"]
    assert stage_names(program, "add_cast") == ["add_cast.add_trans_datatype", "tensor_add.mindir"]

    (model,) = manifest.onnx
    assert (Path(model.file), model.batch_dim) == (place.folder / "tensor_add.onnx", "none")
    assert servable.stages[model.stage].unbatched == "it is declared with with_batch_dim=False"
    assert [lane.stages for lane in manifest.lanes] == [(1,)]

    integers = np.arange(4, dtype=np.int32).reshape(1, 2, 2)
    ((x1, x2),) = run(stage_of(program, "add_cast.add_trans_datatype"), 1, integers, integers)  # type: ignore[misc]
    assert x1.dtype == x2.dtype == np.float32


RESNET = """
import numpy as np
from mindspore_serving.server import register

LABELS = ["tabby", "ox", "car"]


def decode(image):
    return np.frombuffer(image.tobytes(), np.uint8)[:3].astype(np.float32)


def preprocess_eager(image):
    return decode(image)


def preprocess_batch(instances):
    for instance in instances:
        yield (decode(instance[0]),)


def postprocess_top1(score):
    return LABELS[np.argmax(score)]


def postprocess_top2(score):
    order = np.argsort(score)[::-1][:2]
    return ";".join(LABELS[index] for index in order), score[order]


resnet = register.declare_model(model_file="resnet.mindir", model_format="MindIR")


def call_one(image):
    return postprocess_top1(resnet.call(preprocess_eager(image)))


def call_batch(instances):
    for (score,) in resnet.call([[preprocess_eager(instance[0])] for instance in instances]):
        yield postprocess_top1(score)


@register.register_method(output_names=["label"])
def classify_top1(image):
    x = register.add_stage(preprocess_batch, image, outputs_count=1, batch_size=1024)
    x = register.add_stage(resnet, x, outputs_count=1)
    x = register.add_stage(postprocess_top1, x, outputs_count=1)
    return x


@register.register_method(output_names=["label"])
def classify_top1_v1(image):
    x = register.add_stage(preprocess_eager, image, outputs_count=1)
    x = register.add_stage(resnet, x, outputs_count=1)
    x = register.add_stage(postprocess_top1, x, outputs_count=1)
    return x


@register.register_method(output_names="label")
def classify_top1_v2(image):
    return register.add_stage(call_one, image, outputs_count=1)


@register.register_method(output_names="label")
def classify_top1_v3(image):
    return register.add_stage(call_batch, image, outputs_count=1, batch_size=32)


@register.register_method(output_names=["label", "score"])
def classify_top2(image):
    x = register.add_stage(preprocess_batch, image, outputs_count=1, batch_size=1024)
    x = register.add_stage(resnet, x, outputs_count=1)
    label, score = register.add_stage(postprocess_top2, x, outputs_count=2)
    return label, score
"""


def resnet(tmp_path: Path, batch: int) -> Program:
    model = FakeModel(lambda image: image * 2, [floats("image", batch, 3)], [floats("score", batch, 3)])
    place = write_servable(tmp_path, RESNET, "resnet50", ["resnet.mindir"])
    return load(place, FakeRuntimes({"resnet.mindir": model}))


def test_images_through_batch_and_single_functions_and_one_shared_model(tmp_path: Path) -> None:
    program = resnet(tmp_path, batch=4)
    policies = {stage.name: stage.policy for stage in program.manifest.servable.stages}
    model_stage, model_lane = 0, program.manifest.lanes[1]
    assert model_lane.stages == (model_stage,)
    assert policies["resnet.mindir"].max_batch_size == 4
    assert policies["classify_top1.preprocess_batch"].max_batch_size == 1024
    assert policies["classify_top1_v3.call_batch"].max_batch_size == 32
    assert {name for name, policy in policies.items() if policy.row_by_row} == {
        "classify_top1.postprocess_top1",
        "classify_top1_v1.preprocess_eager",
        "classify_top1_v1.postprocess_top1",
        "classify_top1_v2.call_one",
        "classify_top2.postprocess_top2",
    }
    assert all(policy.retry_lost and not policy.isolate_rows for policy in policies.values())

    (one, two) = run(stage_of(program, "classify_top1.preprocess_batch"), 2, [b"\1\2\3", b"\3\2\1"])
    scores = run(stage_of(program, "resnet.mindir"), 2, np.stack([one[0], two[0]]))  # type: ignore[index]
    score = np.stack([row[0] for row in scores])  # type: ignore[index]
    assert run(stage_of(program, "classify_top1.postprocess_top1"), 2, score) == [("car",), ("tabby",)]
    label, best = run(stage_of(program, "classify_top2.postprocess_top2"), 2, score)[0]  # type: ignore[misc]
    assert label == "car;ox"
    assert best.tolist() == [6, 4]


ADD_SUB = """
import numpy as np
from mindspore_serving.server import register


def cast(x1, x2):
    return x1.astype(np.float32), x2.astype(np.float32)


def add_1(x):
    return x + 1


add = register.declare_model(model_file="add.mindir", model_format="MindIR", with_batch_dim=False)
sub = register.declare_model(model_file="sub.mindir", model_format="MindIR", with_batch_dim=False)


@register.register_method(output_names=["y"])
def add_sub_only_model(x1, x2, x3):
    y = register.add_stage(add, x1, x2, outputs_count=1)
    y = register.add_stage(sub, y, x3, outputs_count=1)
    return y


@register.register_method(output_names=["y"])
def add_sub_complex(x1, x2, x3):
    x1, x2 = register.add_stage(cast, x1, x2, outputs_count=2)
    y = register.add_stage(add, x1, x2, outputs_count=1)
    y = register.add_stage(add_1, y, outputs_count=1)
    y = register.add_stage(sub, y, x3, outputs_count=1)
    y = register.add_stage(add_1, y, outputs_count=1)
    return y
"""


def test_two_models_in_a_pipeline(tmp_path: Path) -> None:
    sub = FakeModel(np.subtract, [floats("a", 2, 2), floats("b", 2, 2)], [floats("y", 2, 2)])
    models = {"add.mindir": add_model(2, 2), "sub.mindir": sub}
    program = load(write_servable(tmp_path, ADD_SUB, "add_sub", list(models)), FakeRuntimes(models))
    assert [lane.stages for lane in program.manifest.lanes] == [(2, 3, 4), (0,), (1,)]
    plan = method_of(program, "add_sub_complex").plan
    assert plan.steps == (
        Step(2, (Input(0), Input(1))),
        Step(0, (StepOutput(0, 0), StepOutput(0, 1))),
        Step(3, (StepOutput(1, 0),)),
        Step(1, (StepOutput(2, 0), Input(2))),
        Step(4, (StepOutput(3, 0),)),
    )
    assert plan.outputs == (StepOutput(4, 0),)
    assert types(method_of(program, "add_sub_complex").contract.inputs) == {"x1": UNTYPED, "x2": UNTYPED, "x3": MATRIX}


SUBGRAPHS = """
from mindspore_serving.server import register

model = register.declare_model(["matmul_0.mindir", "matmul_1.mindir"], "MindIR", with_batch_dim=False)


def process(x, y):
    return model.call(x, subgraph=0) + model.call(y, subgraph=1)


@register.register_method(output_names=["z"])
def predict(x, y):
    z = register.add_stage(process, x, y, outputs_count=1)
    return z
"""


def test_the_subgraphs_of_one_model_are_called_apart_and_share_a_lane(tmp_path: Path) -> None:
    models = {
        name: FakeModel(np.negative, [floats("x", rows, 96)], [floats("y", rows, 96)])
        for name, rows in (("matmul_0.mindir", 128), ("matmul_1.mindir", 8))
    }
    program = load(write_servable(tmp_path, SUBGRAPHS, "matmul", list(models)), FakeRuntimes(models))
    hidden = [method.name for method in program.manifest.servable.methods][1:]
    assert hidden == ["@call_matmul_0.mindir;matmul_1.mindir_0", "@call_matmul_0.mindir;matmul_1.mindir_1"]
    assert [lane.stages for lane in program.manifest.lanes] == [(2,), (0, 1)]
    program.close()
    assert all(model.closed for model in models.values())


def test_a_worker_is_told_to_load_it_by_an_assignment(tmp_path: Path) -> None:
    place = write_servable(tmp_path, ADD_R15)
    assert place.folder is not None
    onnx.save(add(), place.folder / "tensor_add.onnx")
    assignment = Assignment(
        file=str(place.file),
        module="salver.workers.servable_config.load",
        function="load_servable_config",
        paths={"file": str(place.file), "folder": str(place.folder)},
        arguments={"version": 1, "device_id": None},
    )
    assert assignment.load().manifest.servable.name == "add"


def test_a_servable_without_models_needs_no_version_folder(tmp_path: Path) -> None:
    text = """
from mindspore_serving.server import register

@register.register_method(output_names=["out", "again"])
def echo(x):
    return x, x
"""
    place = write_servable(tmp_path, text, "echo")
    program = load_servable_config(place.file, 3, None, None)
    assert program.manifest.lanes == ()
    assert program.manifest.servable.version == 3
    (method,) = program.manifest.servable.methods
    assert (method.plan.steps, method.plan.outputs) == ((), (Input(0), Input(0)))
