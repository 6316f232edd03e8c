"""What is wrong in a `servable_config.py`, in the words of MindSpore Serving."""

from pathlib import Path

import pytest

from salver.problems import Problem, Unusable
from salver.workers.servable_config.files import Location
from salver.workers.servable_config.load import load, load_servable_config

from .servables import ADD_MODEL, REGISTER, FakeRuntimes, add_model, write_servable

METHOD = """
@register.register_method("y")
def m(x1, x2):
    return register.add_stage(model, x1, x2, outputs_count=1)
"""


def problem(tmp_path: Path, text: str) -> Problem:
    place = write_servable(tmp_path, REGISTER + text, files=["add.mindir"])
    with pytest.raises(Unusable) as raised:
        load(place, FakeRuntimes({"add.mindir": add_model(2, 2)}))
    return raised.value.problem


def declared(*arguments: str) -> str:
    return f"model = register.declare_model({', '.join(arguments)})"


def method(body: str, inputs: str = "x1, x2", outputs: str = "'y'") -> str:
    return f"@register.register_method({outputs})\ndef m({inputs}):\n    {body}\n"


def functions(body: str, inputs: str = "x1, x2", outputs: str = "'y'") -> str:
    helpers = "def f(x1, x2):\n    return x1\n\ndef g(x):\n    return x\n\ndef b(instances):\n    return instances\n\n"
    return ADD_MODEL + helpers + method(body, inputs, outputs)


ORIGIN = "is a placeholder for data and must come from the method inputs or the outputs of add_stage"
STAGE = (
    "Check failed in method 'm', the parameter 'stage' of add_stage must be function or Model returned by declare_model"
)
ONE = "register.add_stage({}, outputs_count=1)".format


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            declared("1", "'MindIR'"),
            "Parameter 'model_file' should be str or tuple/list of str, but actually <class 'int'>",
        ),
        (
            declared("['a', 1]", "'MindIR'"),
            "The item of parameter 'model_file' should be str, but actually <class 'int'>",
        ),
        (declared("['a', '']", "'MindIR'"), "The item of parameter 'model_file' should not be empty str"),
        (declared("['a', 'a']", "'MindIR'"), "The item value 'a' in parameter 'model_file' should not be repeated"),
        (declared("[]", "'MindIR'"), "Raise failed: Declare model failed, model files size cannot be 0"),
        (declared("'a'", "1"), "Parameter 'model_format' should be str, but actually <class 'int'>"),
        (declared("'a'", "''"), "Parameter 'model_format' should not be empty str"),
        (declared("'a'", "'pt'"), "model format can only be OM, MindIR or MindIR_Lite, case ignored"),
        (declared("'a'", "'MindIR'", "1"), "Parameter 'with_batch_dim' should be bool, but actually <class 'int'>"),
        (
            declared("'a'", "'MindIR'", "without_batch_dim_inputs='1'"),
            "Parameter 'without_batch_dim_inputs' should be int or tuple/list of int, but actually <class 'str'>",
        ),
        (
            declared("'a'", "'MindIR'", "without_batch_dim_inputs=-1"),
            "The item value '-1' in parameter 'without_batch_dim_inputs' should be >= 0",
        ),
        (
            declared("'a'", "'MindIR'", "without_batch_dim_inputs=(1, 1)"),
            "The item value '1' in parameter 'without_batch_dim_inputs' should not be repeated",
        ),
        (
            declared("'a'", "'MindIR'", "without_batch_dim_inputs=(True,)"),
            "The item value 'True' in parameter 'without_batch_dim_inputs' should be int, but actually <class 'bool'>",
        ),
        (
            declared("'a'", "'MindIR'", "options={'a': 'b'}"),
            "Parameter 'options' should be None, GpuOptions or AclOptions, but gotten <class 'dict'>",
        ),
        (declared("'a'", "'MindIR'", "context=1"), "Parameter 'context' should be Context, but gotten <class 'int'>"),
        (
            declared("'a'", "'MindIR'", "config_file=1"),
            "Parameter 'config_file' should be str, but actually <class 'int'>",
        ),
        (
            ADD_MODEL + ADD_MODEL,
            "Raise failed: Declare model [add.mindir] failed, model file 'add.mindir' has already been used",
        ),
        (
            ADD_MODEL + declared("['b.mindir', 'add.mindir']", "'MindIR'"),
            "Raise failed: Declare model [b.mindir, add.mindir] failed, model file 'add.mindir' has already been used",
        ),
        ("register.Context(threads=1)", "Set context failed, unsupported option threads"),
        ("register.Context(thread_num=0)", "Parameter 'thread_num' should be >= 1"),
        (
            "register.Context(thread_affinity_core_list=1)",
            "Parameter 'thread_affinity_core_list' should be tuple/list of int, but actually <class 'int'>",
        ),
        (
            "register.Context(enable_parallel=1)",
            "Parameter 'enable_parallel' should be bool, but actually <class 'int'>",
        ),
        ("register.CPUDeviceInfo(mode='fp16')", "Set cpu device info failed, unsupported option mode"),
        ("register.GPUDeviceInfo(mode='fp16')", "Set gpu device info failed, unsupported option mode"),
        ("register.AscendDeviceInfo(mode='fp16')", "Set ascend device info failed, unsupported parameter mode"),
        (
            "register.GpuOptions(precision_mode='origi')",
            "Gpu device info 'precision_mode' can only be 'origin', 'fp16'. given 'origi'",
        ),
        ("register.AclOptions(input_shape='')", "Parameter 'input_shape' should not be empty str"),
        (
            "c = register.Context()\nfor _ in range(2):\n    c.append_device_info(register.AscendDeviceInfo())",
            "Device info of type ascend has already been appended",
        ),
        (
            "register.Context().append_device_info('gpu')",
            (
                "Parameter 'device_info' should instance of CPUDeviceInfo, GPUDeviceInfo, or AscendDeviceInfo, "
                "but actually <class 'str'>"
            ),
        ),
        (
            method("return x1", outputs="1"),
            "Parameter 'output_names' should be str or tuple/list of str, but actually <class 'int'>",
        ),
        (method("return x1", outputs="''"), "The item of parameter 'output_names' should not be empty str"),
        (
            method("return x1, x2", outputs="['y', 'y']"),
            "The item value 'y' in parameter 'output_names' should not be repeated",
        ),
        (method("return x1", inputs="x1, *x2"), "'m' input x2 cannot be VAR_POSITIONAL !"),
        (method("return x1", inputs="x1, **x2"), "'m' input x2 cannot be VAR_KEYWORD !"),
        (method("return x1", inputs="x1, *, x2"), "'m' input x2 cannot be KEYWORD_ONLY !"),
        (method("return x1, x2"), "Method return output size 2 not match registered 1"),
        (method("return 1"), f"Each value returned {ORIGIN}"),
        (method("pass"), f"Each value returned {ORIGIN}"),
        (method("return x1") + method("return x2"), "Raise failed: Method m has been registered more than once."),
        (functions(f"return {ONE('f, x1, 1')}"), f"Each value of parameter *args {ORIGIN}"),
        (functions(f"return {ONE('model, x1, np.ones(2)')}"), f"Each value of parameter *args {ORIGIN}"),
        (
            functions(f"return {ONE('f, x1')}"),
            "function f input args count 2 not match the count 1 registered in method",
        ),
        (
            functions(f"return {ONE('g, x1, x2')}"),
            "function g input args count 1 not match the count 2 registered in method",
        ),
        (functions(f"return {ONE('print, x1')}"), f"{STAGE}, now is <class 'builtin_function_or_method'>"),
        (
            functions(f"return {ONE('register.Model(str()), x1')}"),
            (
                f"{STAGE}, and ensure that interface 'declare_model' can take effect when importing "
                "servable_config.py by the serving server"
            ),
        ),
        (
            functions("return register.add_stage(g, x1, outputs_count='1')"),
            "Parameter 'outputs_count' should be int, but actually <class 'str'>",
        ),
        (functions("return register.add_stage(g, x1, outputs_count=0)"), "Parameter 'outputs_count' should be >= 1"),
        (
            functions("return register.add_stage(b, x1, outputs_count=1, batch_size=-1)"),
            "Parameter 'batch_size' should be >= 0",
        ),
        (
            functions("return register.add_stage(g, x1, outputs_count=1, tag='')"),
            "Parameter 'tag' should not be empty str",
        ),
        (
            functions(f"return {ONE(repr('argmax'))}"),
            "Check failed in method 'm', there is no built-in stage function 'argmax', only 'argmax_cpp'",
        ),
        (
            functions("return register.add_stage('argmax_cpp', x1, x2, outputs_count=1)"),
            "Stage function 'argmax_cpp' inputs count 2 not match last registered count 1, method name 'm'",
        ),
        (
            functions(
                "y, z = register.add_stage(b, x1, outputs_count=2, batch_size=1)\n"
                "    return register.add_stage(b, x1, outputs_count=1, batch_size=1)"
            ),
            "Stage function 'add.b' outputs count 1 not match last registered count 2, method name 'm'",
        ),
        (
            functions(
                "y = register.add_stage(b, x1, outputs_count=1, batch_size=1)\n"
                "    return register.add_stage(b, x1, x2, outputs_count=1, batch_size=1)"
            ),
            "Stage function 'add.b' inputs count 2 not match last registered count 1, method name 'm'",
        ),
        (
            functions(f"y = {ONE('b, x1')}\n    return register.add_stage(b, x1, outputs_count=1, batch_size=1)"),
            (
                "Failed to add stage function add.b: parameter 'batch_size' in multiple 'add_stage' should be "
                "enabled or disabled consistently"
            ),
        ),
        (
            functions(f"y = {ONE('model, x1, x2')}\n    return {ONE('model, y')}"),
            "Raise failed: RegisterInputOutputInfo failed, inputs count 1 not match old count 2, model: add.mindir",
        ),
        (
            functions(f"y = {ONE('model, x1, x2')}\n    return register.add_stage(model, y, x2, outputs_count=2)[0]"),
            "Raise failed: RegisterInputOutputInfo failed, outputs count 2 not match old count 1, model: add.mindir",
        ),
        (
            functions("y, z = register.add_stage(f, x1, x2, outputs_count=3)\n    return y"),
            "too many values to unpack (expected 2)",
        ),
        (functions(f"y, z = {ONE('f, x1, x2')}\n    return y"), "cannot unpack non-iterable Placeholder object"),
        (f"y = {ONE('f')}", "'add_stage' can be called only in a function that register_method decorates"),
        (
            "from mindspore_serving.server import distributed\ndistributed.declare_servable(8, 1)",
            (
                "'declare_servable' starts or declares a distributed servable, whose ranks run on Ascend cards "
                "of their own; salver has no such backend. Export the model for one device and declare it by "
                "'declare_model'."
            ),
        ),
    ],
)
def test_texts_of_errors_while_a_file_is_imported(tmp_path: Path, text: str, expected: str) -> None:
    found = problem(tmp_path, "f = None\n" + text)
    assert found.what == f"import add.servable_config failed, {expected}"
    assert found.where.startswith(f"{tmp_path / 'add' / 'servable_config.py'}:")


def test_the_line_that_is_wrong_is_named_and_what_was_raised_is_the_cause(tmp_path: Path) -> None:
    place = write_servable(tmp_path, REGISTER + "\n\nmodel = register.declare_model('a', 'pt')\n")
    with pytest.raises(Unusable) as raised:
        load(place, FakeRuntimes({}))
    assert raised.value.problem.where == f"{place.file}:5"
    assert isinstance(raised.value.__cause__, RuntimeError)


def test_a_servable_needs_a_method(tmp_path: Path) -> None:
    assert problem(tmp_path, ADD_MODEL).what == "There is no method registered for servable"


def test_models_need_a_version_folder(tmp_path: Path) -> None:
    place = write_servable(tmp_path, REGISTER + ADD_MODEL + METHOD)
    with pytest.raises(Unusable) as raised:
        load_servable_config(place.file, 1, None, None)
    assert raised.value.problem.what == (
        "There is no valid version directory of models while there are models declared in servable_config.py, servable "
        f"directory: {tmp_path}, servable name: add"
    )
    with pytest.raises(Unusable) as raised:
        load(Location(place.file, 7, place.file.parent / "7"), FakeRuntimes({}))
    assert raised.value.problem.what == (
        "Start servable failed: There is no specified version directory of models, specified version number: 7, "
        f"servable directory: '{tmp_path}', servable name: 'add'"
    )


def test_zero_as_an_input_without_batch_dimension_is_ignored_as_ever(tmp_path: Path) -> None:
    text = REGISTER + 'model = register.declare_model("add.mindir", "MindIR", without_batch_dim_inputs=0)\n' + METHOD
    place = write_servable(tmp_path, text, files=["add.mindir"])
    program = load(place, FakeRuntimes({"add.mindir": add_model("n", 2)}))
    assert [port.dims for port in program.manifest.servable.stages[0].inputs] == [(2,), (2,)]
