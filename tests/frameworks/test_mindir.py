import threading
from pathlib import Path

import numpy as np
import pytest
from frameworks.nets import NETS, export
from mindspore.train.mind_ir_pb2 import ModelProto, TensorProto

from salver.problems import Unusable
from salver.runtimes.workers import ModelCode, load_model, read_contract
from salver.workers.stage import StageFailed

KEY = b"sixteen byte key"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("mindir")
    return {name: export(name, folder) for name in NETS}


@pytest.fixture(scope="module")
def models(files: dict[str, Path]) -> dict[str, ModelCode]:
    return {name: load_model(file, {}) for name, file in files.items()}


def ones(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.ones(shape, dtype)


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("add", "x1: float32[2, 2], x2: float32[2, 2]", "y0: float32[2, 2]"),
        ("add_rows", "x1: float32[any, 2], x2: float32[any, 2]", "y0: float32[any, 2]"),
        ("add_any", "x1: float32, x2: float32", "y0: float32"),
        ("half", "x1: float16[any, 3], x2: float16[any, 3]", "y0: float16[any, 3]"),
        ("mixed", "x1: bool[any], x2: int64[any]", "y0: int64[any]"),
        ("table", "index: int32[any]", "y0: float32[any, 2]"),
        ("several", "x: float32[any, 2]", "y0: float32[any, 2], y1: int32[any, 2], y2: float32[any, 2], y3: int64"),
        ("total", "x: float32[2, 2]", "y0: float32"),
    ],
)
def test_the_contract_is_read_from_the_file(files: dict[str, Path], name: str, inputs: str, outputs: str) -> None:
    signature = read_contract(files[name])
    assert signature is not None
    assert ", ".join(map(str, signature.inputs)) == inputs
    assert ", ".join(map(str, signature.outputs)) == outputs


@pytest.mark.parametrize("name", NETS)
def test_inputs_are_what_mindspores_own_reader_says(files: dict[str, Path], name: str) -> None:
    signature = read_contract(files[name])
    values = ModelProto.FromString(files[name].read_bytes()).graph.input
    names = {"FLOAT": "float32"}
    types = [TensorProto.DataType.Name(value.tensor[0].data_type) for value in values]
    assert signature is not None
    assert [port.name for port in signature.inputs] == [value.name.split(":")[-1] for value in values]
    assert [port.dtype for port in signature.inputs] == [names.get(each, each.lower()) for each in types]
    for port, value in zip(signature.inputs, values, strict=True):
        assert port.dims is None or [-1 if dim == "" else dim for dim in port.dims] == list(value.tensor[0].dims)


def test_a_sum_is_computed(models: dict[str, ModelCode]) -> None:
    [y] = models["add"].run([ones(2, 2), 2 * ones(2, 2)])
    assert y.tolist() == [[3, 3], [3, 3]]  # type: ignore[union-attr]
    assert y.dtype == np.float32  # type: ignore[union-attr]


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_a_free_dimension_takes_any_length(models: dict[str, ModelCode], rows: int) -> None:
    x = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    [y] = models["add_rows"].run([x, x])
    np.testing.assert_array_equal(y, 2 * x)


def test_inputs_of_any_rank_are_taken_where_the_file_says_none(models: dict[str, ModelCode]) -> None:
    for shape in ((3,), (2, 3), (1, 2, 3)):
        assert models["add_any"].run([ones(*shape), ones(*shape)])[0].shape == shape  # type: ignore[union-attr]


def test_nested_outputs_come_in_order_and_a_constant_as_an_array(models: dict[str, ModelCode]) -> None:
    outputs = models["several"].run([2 * ones(1, 2)])
    assert [(str(y.dtype), y.tolist()) for y in outputs] == [  # type: ignore[union-attr]
        ("float32", [[3, 3]]),
        ("int32", [[2, 2]]),
        ("float32", [[4, 4]]),
        ("int64", 3),
    ]


def test_read_only_inputs_will_do(models: dict[str, ModelCode]) -> None:
    x = ones(2, 2)
    x.flags.writeable = False
    assert models["total"].run([x])[0] == 4


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ([ones(3, 3), ones(3, 3)], "input x1: float32[2, 2] was given float32[3, 3]"),
        ([ones(2, 2), ones(2, 2, dtype="float64")], "input x2: float32[2, 2] was given float64[2, 2]"),
        ([ones(2, 2)], "2 inputs are needed, but 1 were given"),
        ([ones(2, 2), ["a", "b"]], "input x2: float32[2, 2] was given str[2]"),
    ],
)
def test_input_that_does_not_fit_is_refused(models: dict[str, ModelCode], inputs: list[np.ndarray], text: str) -> None:
    with pytest.raises(ValueError, match="input") as refusal:
        models["add"].run(inputs)
    assert str(refusal.value) == text


def test_a_run_that_fails_says_why_and_spoils_no_later_one(models: dict[str, ModelCode]) -> None:
    """MindSpore itself would refuse every later run of a graph that has failed once."""
    with pytest.raises(StageFailed, match=r"should be in the range \[0, 5\), but got 9") as failed:
        models["table"].run([np.array([1, 9], np.int32)])
    assert failed.value.failure.kind == "raised"
    assert "C++" not in str(failed.value)
    [rows] = models["table"].run([np.array([1, 4], np.int32)])
    assert rows.tolist() == [[2, 3], [8, 9]]  # type: ignore[union-attr]


def test_a_failure_spoils_no_second_model_of_the_same_file(files: dict[str, Path]) -> None:
    first, second = (load_model(files["table"], {}) for _ in range(2))
    with pytest.raises(StageFailed):
        first.run([np.array([9], np.int32)])
    first.close()
    assert second.run([np.array([1], np.int32)])[0].tolist() == [[2, 3]]  # type: ignore[union-attr]


def test_models_run_in_any_number_of_threads(models: dict[str, ModelCode]) -> None:
    wrong = []

    def call(name: str, number: int) -> None:
        for rows in [1, 2, 3] * 20:
            x = np.full((rows, 2), number, np.float32)
            y = models[name].run([x, x] if name == "add_rows" else [x])[0]
            if not np.array_equal(y, 2 * x if name == "add_rows" else x + 1):
                wrong.append((name, number, rows))

    threads = [threading.Thread(target=call, args=(name, n)) for n in range(4) for name in ("add_rows", "several")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("mode", ["AES-GCM", "AES-CBC"])
def test_an_encrypted_file_is_loaded_with_its_key(tmp_path: Path, mode: str) -> None:
    file = export("add", tmp_path, enc_key=KEY, enc_mode=mode)
    assert read_contract(file) is None
    model = load_model(file, {"dec_key": KEY, "dec_mode": mode})
    assert [port.name for port in model.inputs] == ["x1", "x2"]
    assert model.run([ones(2, 2), ones(2, 2)])[0].sum() == 8  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "is encrypted"),
        ({"dec_key": b"another key of16"}, "cannot be decrypted"),
        ({"dec_key": KEY, "dec_mode": "AES-CBC"}, "cannot be decrypted"),
        ({"dec_key": b"short"}, "MindSpore does not take"),
        ({"dec_key": KEY.decode()}, "MindSpore does not take"),
        ({"dec_key": KEY, "dec_mode": "ROT13"}, "MindSpore does not take"),
    ],
)
def test_a_wrong_key_is_a_problem_that_does_not_tell_it(tmp_path: Path, options: dict[str, object], what: str) -> None:
    file = export("add", tmp_path, enc_key=KEY)
    with pytest.raises(Unusable, match=what) as problem:
        load_model(file, options)
    assert str(options.get("dec_key", "none")).strip("b'") not in str(problem.value)


def test_a_truncated_file_is_unusable(files: dict[str, Path], tmp_path: Path) -> None:
    whole = files["table"].read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        file = tmp_path / f"{length}.mindir"
        file.write_bytes(whole[:length])
        with pytest.raises(Unusable, match="export it again, and copy it completely"):
            load_model(file, {})


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"device_target": "Abacus"}, "cannot be run on Abacus 0: .*but got Abacus"),
        ({"device_id": 99}, "cannot be run on CPU 99"),
        ({"treads": 1}, "unknown option 'treads'\n  remedy: its runtime knows device_target"),
    ],
)
def test_wrong_options_are_a_problem(files: dict[str, Path], options: dict[str, object], what: str) -> None:
    with pytest.raises(Unusable, match=what):
        load_model(files["add"], options)
