"""How MindSpore runs the instances of callers together: filled up, with inputs that all share, and one by one."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from frameworks.nets import export
from mindspore_server.scripts import serving

from mindspore_serving.client import Client

SERVABLE = """
from mindspore_serving.server import register

all_rows = register.declare_model("all_rows.mindir", "MindIR")
scale = register.declare_model("scale.mindir", "MindIR", without_batch_dim_inputs=(1,))
add = register.declare_model("add.mindir", "MindIR", with_batch_dim=False)
parts = register.declare_model(["add_rows.mindir", "thrice.mindir"], "MindIR")


@register.register_method("y")
def sum_of_batch(x):
    return register.add_stage(all_rows, x, outputs_count=1)


@register.register_method("y")
def scaled(x, factor):
    return register.add_stage(scale, x, factor, outputs_count=1)


@register.register_method("y")
def added(x):
    return register.add_stage(add, x, x, outputs_count=1)


def together(instances):
    for (y,) in all_rows.call([[x] for (x,) in instances]):
        yield y


@register.register_method("y")
def called(x):
    return register.add_stage(together, x, outputs_count=1, batch_size=4)


def of_parts(x):
    return parts.call(x, x), parts.call(x, subgraph=1)


@register.register_method(["y", "z"])
def subgraphs(x):
    return register.add_stage(of_parts, x, outputs_count=2)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "nets" / "1").mkdir(parents=True)
    (folder / "nets" / "servable_config.py").write_text(SERVABLE)
    for name in ("all_rows", "scale", "add", "add_rows", "thrice"):
        export(name, folder / "nets" / "1")
    with serving(folder, "nets") as address:
        yield address


def ask(address: str, method: str, *instances: dict[str, object]) -> list[dict[str, Any]]:
    replies = Client(address, "nets", method).infer(list(instances))
    assert isinstance(replies, list), replies
    return replies


def row(*numbers: float) -> dict[str, object]:
    return {"x": np.array(numbers, np.float32)}


@pytest.mark.parametrize("method", ["sum_of_batch", "called"])
def test_a_batch_is_filled_up_with_copies_of_its_first_instance(address: str, method: str) -> None:
    [alone] = ask(address, method, row(1, 2))
    assert alone["y"].tolist() == [4, 8]
    two = ask(address, method, row(1, 2), row(10, 20))
    assert [reply["y"].tolist() for reply in two] == [[13, 26], [13, 26]]
    assert len(ask(address, method, *[row(1, 2)] * 9)) == 9


def test_an_input_without_batch_dimension_is_the_first_instances(address: str) -> None:
    replies = ask(address, "scaled", *({**row(1, number), "factor": np.float32([3])} for number in range(5)))
    assert [reply["y"].tolist() for reply in replies] == [[3, 3 * number] for number in range(5)]


def test_without_batch_dimension_instances_are_run_one_by_one(address: str) -> None:
    matrices = [np.full((2, 2), number, np.float32) for number in range(5)]
    replies = ask(address, "added", *({"x": matrix} for matrix in matrices))
    for matrix, reply in zip(matrices, replies, strict=True):
        np.testing.assert_array_equal(reply["y"], 2 * matrix, strict=True)


def test_subgraphs_are_files_of_one_model(address: str) -> None:
    [reply] = ask(address, "subgraphs", row(1, 2))
    assert (reply["y"].tolist(), reply["z"].tolist()) == ([2, 4], [3, 6])
