"""The older calls, whose number of outputs is read off the method's source."""

from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.workers.program import Program
from salver.workers.stage import Failure

from .servables import FakeModel, add_model, floats, load_text, run, stage_of

SETUP = """
import numpy as np
from mindspore_serving.{module} import register

def cast(x1, x2):
    return x1.astype(np.float32), x2.astype(np.float32)

def batch(instances):
    for x1, x2 in instances:
        yield x1.astype(np.float32), x2.astype(np.float32)

def post(y):
    return y + 1

register.declare_servable("add.mindir", "MindIR", with_batch_dim=False)

@register.register_method("y")
def m(x1, x2):
"""


def program(tmp_path: Path, *body: str, module: str = "server", before: str = "") -> Program:
    text = SETUP.format(module=module) + "".join(f"    {line}\n" for line in body)
    return load_text(tmp_path, text.replace("@register", f"{before}\n@register"), add_mindir=add_model(2, 2))


@pytest.mark.parametrize("module", ["server", "worker"])
@pytest.mark.parametrize(
    ("body", "stages"),
    [
        (["y = register.call_servable(x1, x2)", "return y"], ["add.mindir"]),
        (['"""Documented."""', "y = register.call_servable(x1, x2)", "return y"], ["add.mindir"]),
        (
            ["x1, x2 = register.call_preprocess(cast, x1, x2)", "y = register.call_servable(x1, x2)", "return y"],
            ["m.cast", "add.mindir"],
        ),
        (
            [
                "(x1, x2) = register.call_preprocess_pipeline(",
                "    batch, x1, x2",
                ")",
                "z = y = register.call_servable(x1, x2)",
                "unused = x1",
                "y = register.call_postprocess(post, y)",
                "return y",
            ],
            ["m.batch", "add.mindir", "m.post"],
        ),
        (
            ["y = register.call_servable(x1, x2)", "y = register.call_postprocess(post, y)", "return y"],
            ["add.mindir", "m.post"],
        ),
    ],
)
def test_stages_in_order(tmp_path: Path, module: str, body: list[str], stages: list[str]) -> None:
    servable = program(tmp_path, *body, module=module).manifest.servable
    assert [servable.stages[step.stage].name for step in servable.methods[0].plan.steps] == stages


def test_pipelines_take_batches_and_failures_are_called_by_their_kind(tmp_path: Path) -> None:
    loaded = program(
        tmp_path,
        "x1, x2 = register.call_preprocess_pipeline(batch, x1, x2)",
        "y = register.call_servable(x1, x2)",
        "y = register.call_postprocess(post, y)",
        "return y",
    )
    policies = {stage.name: stage.policy for stage in loaded.manifest.servable.stages}
    assert (policies["m.batch"].row_by_row, policies["m.batch"].max_batch_size) == (False, 32)
    (failure,) = run(stage_of(loaded, "m.batch"), 1, ["text"], ["text"])
    assert failure == Failure("'str' object has no attribute 'astype'", "Preprocess", "m", 1)
    (failure,) = run(stage_of(loaded, "m.post"), 1, ["text"])
    assert isinstance(failure, Failure)
    assert (failure.what, failure.index) == ("Postprocess", 3)


COMPLEX = (
    "Failed to parse method 'm', complex statements such as conditions and loops are not supported in register_method "
    "when the interface '{0}' is used, use 'add_stage' to replace '{0}'"
)
PRE = "x1, x2 = register.call_preprocess(cast, x1, x2)"
SERVE = "y = register.call_servable(x1, x2)"
POST = "y = register.call_postprocess(post, y)"
ADD = "y = register.add_stage(post, x1, outputs_count=1)"
BOTH_PRE = "call_preprocess or call_preprocess_pipeline"
BOTH_POST = "call_postprocess or call_postprocess_pipeline"
CHECK = "Check failed in method 'm', "


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            [SERVE, "if y:", "    pass"],
            COMPLEX.format("call_servable")
            + ", code <class 'ast.If'>: line 21 in m, code: \n    if y:\n        pass\n",
        ),
        (
            [SERVE, "for _ in ():", "    pass"],
            COMPLEX.format("call_servable")
            + ", code <class 'ast.For'>: line 21 in m, code: \n    for _ in ():\n        pass\n",
        ),
        (
            [PRE, SERVE, ADD],
            COMPLEX.format("call_preprocess;call_servable")
            + f", code <class 'ast.Assign'>: line 22 in m, code: \n    {ADD}\n",
        ),
        (
            [ADD, SERVE],
            COMPLEX.format("call_servable") + f", code <class 'ast.Assign'>: line 20 in m, code: \n    {ADD}\n",
        ),
        (["return register.call_servable(x1, x2)"], COMPLEX.format("call_servable")),
        (["if True:", f"    {SERVE}"], COMPLEX.format("call_servable")),
        ([PRE], "Not find the invoke of 'call_servable'"),
        ([PRE, PRE, SERVE], f"{CHECK}{BOTH_PRE} should not be invoked more than once"),
        ([SERVE, PRE], f"{CHECK}call_servable should be invoked after call_preprocess"),
        (
            [SERVE, PRE.replace("preprocess", "preprocess_pipeline").replace("cast", "batch")],
            f"{CHECK}call_servable should be invoked after call_preprocess_pipeline",
        ),
        ([POST.replace("y)", "x1)"), PRE, SERVE], f"{CHECK}{BOTH_POST} should be invoked after call_preprocess"),
        ([SERVE, SERVE], f"{CHECK}call_servable should not be invoked more than once"),
        ([POST.replace("y)", "x1)"), SERVE], f"{CHECK}{BOTH_POST} should be invoked after call_servable"),
        ([SERVE, POST, POST], f"{CHECK}{BOTH_POST} should not be invoked more than once"),
    ],
)
def test_rules(tmp_path: Path, body: list[str], text: str) -> None:
    with pytest.raises(Unusable) as raised:
        program(tmp_path, *body, "return y")
    assert raised.value.problem.what == f"import add.servable_config failed, {text}"


def test_a_servable_of_the_older_kind_has_exactly_one_model(tmp_path: Path) -> None:
    several = 'register.declare_servable("sub.mindir", "MindIR")'
    with pytest.raises(Unusable) as raised:
        program(tmp_path, SERVE, "return y", before=several)
    assert raised.value.problem.what.endswith(
        "There are more than one servable declared when the interface 'call_servable' is used, use 'add_stage' to "
        "replace 'call_servable'"
    )
    text = """
from mindspore_serving.server import register

@register.register_method("y")
def m(x1, x2):
    y = register.call_servable(x1, x2)
    return y
"""
    with pytest.raises(Unusable) as raised:
        load_text(tmp_path, text)
    assert raised.value.problem.what.endswith(
        "There is no model declared, you can use declare_model to declare models."
    )


def test_release_1_3_names_a_subgraph(tmp_path: Path) -> None:
    text = """
from mindspore_serving.worker import register

register.declare_servable(["a.mindir", "b.mindir"], "MindIR", options={"acl_option.input_format": "NCHW"})

@register.register_method("y")
def m(x):
    y = register.call_servable(x, subgraph={index})
    return y
"""
    models = {f"{name}_mindir": FakeModel(lambda x: x, [floats("x", "n", 2)], [floats("y", "n", 2)]) for name in "ab"}
    servable = load_text(tmp_path, text.replace("{index}", "1"), **models).manifest.servable
    assert servable.stages[servable.methods[0].plan.steps[0].stage].name == "b.mindir"
    with pytest.raises(Unusable, match=r"a method uses subgraph 2 of the model a.mindir;b.mindir, which has only 2"):
        load_text(tmp_path, text.replace("{index}", "2"), **models)


def test_older_names_say_what_replaces_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    program(tmp_path, PRE, SERVE, "return y", before="register.GpuOptions(enable_trt_infer=True)")
    ending = "and will be removed in a future version, use 'mindspore_serving.server.register."
    assert [record.getMessage() for record in caplog.records] == [
        f"'declare_servable' is deprecated from version 1.5.0 {ending}declare_model' instead.",
        f"'GpuOptions' is deprecated from version 1.6.0 {ending}GPUDeviceInfo' instead.",
        f"'call_preprocess' is deprecated from version 1.5.0 {ending}add_stage' instead.",
        f"'call_servable' is deprecated from version 1.5.0 {ending}add_stage' instead.",
    ]
