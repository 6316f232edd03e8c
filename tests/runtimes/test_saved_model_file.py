from pathlib import Path

import pytest
from support.saved_models import (
    CLASSIFY,
    DOUBLE,
    FLOAT,
    INT64,
    RESOURCE,
    STRING,
    X,
    number,
    saved_model,
    scaled,
    several,
    signature,
    tensor,
    with_variable,
    written,
)

from salver.problems import Unusable
from salver.runtimes.protobuf import field
from salver.runtimes.saved_model_file import check_variables, ports, read_saved_model, with_one_signature

Y = {"y": ("y:0", FLOAT, (-1, 2))}


def of(folder: Path, **signatures: bytes) -> Path:
    return written(folder, "model", saved_model([], signatures))


def test_all_signatures_are_read_but_those_of_tensorflow_itself(tmp_path: Path) -> None:
    saved = read_saved_model(written(tmp_path, "model", several()))
    assert (saved.tags, saved.tensorflow) == (("serve",), "2.21.0")
    assert list(saved.signatures) == ["serving_default", "sum", "swapped"]


def test_names_dtypes_dims_and_the_method_are_read(tmp_path: Path) -> None:
    inputs = {"n": ("n:0", INT64, (3,)), "a": ("in_a:0", DOUBLE, (-1, -1))}
    file = of(tmp_path, classify=signature(inputs, Y, CLASSIFY))
    found = read_saved_model(file).signatures["classify"]
    said = ports(file, "classify", found)
    assert [str(port) for port in said.inputs] == ["a: float64[any, any]", "n: int64[3]"]
    assert [str(port) for port in said.outputs] == ["y: float32[any, 2]"]
    assert found.origin.method_name == CLASSIFY
    assert found.origin.inputs == {"a": "in_a:0", "n": "n:0"}
    assert found.of_examples


def test_an_unknown_rank_and_a_default_are_read(tmp_path: Path) -> None:
    info = field(1, b"x:0") + number(2, FLOAT) + field(3, number(3, 1))
    any_rank = field(1, field(1, b"x") + field(2, info))
    any_rank += field(4, field(1, b"x") + field(2, tensor(FLOAT, [], 7)))
    file = of(tmp_path, f=any_rank + signature({}, Y))
    [port] = ports(file, "f", read_saved_model(file).signatures["f"]).inputs
    assert (port.dims, port.optional) == (None, True)


def test_examples_of_unknown_rank_are_a_row_of_texts(tmp_path: Path) -> None:
    """So the tutorials of TensorFlow 1 export them: their placeholder has no shape, nor has what is made of it."""
    examples, scores = (
        field(side, field(1, name) + field(2, number(2, dtype) + field(3, number(3, 1))))
        for side, name, dtype in ((1, b"inputs", STRING), (2, b"scores", FLOAT))
    )
    files = [of(tmp_path / name, f=examples + scores + field(3, name.encode())) for name in (CLASSIFY, "predict")]
    classify, predict = (read_saved_model(file).signatures["f"] for file in files)
    said = ports(files[0], "f", classify)
    assert [port.dims for port in (*said.inputs, *said.outputs)] == [("",), None]
    with pytest.raises(Unusable, match="the text 'inputs', but input 'inputs' may have any number of dimensions"):
        ports(files[1], "f", predict)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is no whole SavedModel: it holds no graph"),
        (b"hello", "is no whole SavedModel"),
        (scaled(2)[:-30], "is no whole SavedModel: it ends in the middle"),
        (saved_model([], {}, "train", "gpu"), "holds no graph with the tag 'serve', only with train, gpu"),
    ],
)
def test_what_is_no_saved_model_for_serving_is_a_problem(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(Unusable, match=what):
        read_saved_model(written(tmp_path, "model", content))


@pytest.mark.parametrize(
    ("inputs", "outputs", "what"),
    [
        ({}, Y, "has the signature 'f' without inputs or outputs"),
        ({"x": X}, {}, "has the signature 'f' without inputs or outputs"),
        ({"table": ("t:0", RESOURCE, ())}, Y, "has in 'f' the tensor 'table', which is DT_RESOURCE"),
        ({"name": ("n:0", STRING, ())}, Y, "has in 'f' the text 'name', but input 'name' has no dimensions"),
        ({"name": ("n:0", STRING, (1,))}, Y, "input 'name' has the fixed leading dimension 1"),
    ],
)
def test_a_signature_that_cannot_be_passed_on_is_a_problem(
    tmp_path: Path,
    inputs: dict[str, tuple[str, int, tuple[int, ...]]],
    outputs: dict[str, tuple[str, int, tuple[int, ...]]],
    what: str,
) -> None:
    file = of(tmp_path, f=signature(inputs, outputs))
    with pytest.raises(Unusable, match=what):
        ports(file, "f", read_saved_model(file).signatures["f"])


def test_a_sparse_tensor_is_a_problem(tmp_path: Path) -> None:
    sparse = field(1, field(1, b"x") + field(2, field(4, b"") + number(2, FLOAT)))
    file = of(tmp_path, f=sparse + signature({}, Y))
    with pytest.raises(Unusable, match="the tensor 'x', which is a sparse tensor"):
        ports(file, "f", read_saved_model(file).signatures["f"])


def test_one_signature_can_be_written_alone_under_other_names(tmp_path: Path) -> None:
    file = written(tmp_path, "model", several())
    chosen = read_saved_model(file).signatures["swapped"]
    alone = written(tmp_path, "alone", with_one_signature(file, chosen, ["in"], ["out", "twice"]))
    [(name, only)] = read_saved_model(alone).signatures.items()
    assert name == "serving_default"
    assert only.origin.inputs == {"in": "x:0"}
    assert only.origin.outputs == {"out": "y:0", "twice": "x:0"}
    assert read_saved_model(alone).tags == ("serve",)


def test_variables_must_be_there_and_whole(tmp_path: Path) -> None:
    check_variables(read_saved_model(written(tmp_path, "without", scaled(2))))
    file = written(tmp_path, "model", with_variable())
    saved, variables = read_saved_model(file), file.parent / "variables"
    with pytest.raises(Unusable, match=r"needs its variables, but there is no .*variables\.index"):
        check_variables(saved)
    variables.mkdir()
    (variables / "variables.index").touch()
    with pytest.raises(Unusable, match="has 0 of 1 files"):
        check_variables(saved)
    (variables / "variables.data-00000-of-00002").touch()
    with pytest.raises(Unusable, match="has 1 of 2 files"):
        check_variables(saved)
    (variables / "variables.data-00001-of-00002").touch()
    check_variables(saved)
