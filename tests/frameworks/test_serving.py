"""Models of every framework behind a real server, each exported here and now."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from frameworks.nets import export

from mindspore_serving.client import Client as MindSporeClient
from salver.client.api import Client
from salver.client.errors import SalverError
from salver.testing.server import Server, running

AROUND = """
import numpy as np
import salver
from jaxtyping import Float32

net = salver.model({file!r})

@salver.method
def predict(x: Float32[np.ndarray, "2"]) -> Float32[np.ndarray, "2"]:
    return net({arguments})
"""

TUTORIAL = """
import numpy as np
from mindspore_serving.worker import register


def add_trans_datatype(x1, x2):
    return x1.astype(np.float32), x2.astype(np.float32)


register.declare_servable(servable_file="add.mindir", model_format="MindIR", with_batch_dim=False)


@register.register_method(output_names=["y"])
def add_common(x1, x2):
    y = register.call_servable(x1, x2)
    return y


@register.register_method(output_names=["y"])
def add_cast(x1, x2):
    x1, x2 = register.call_preprocess(add_trans_datatype, x1, x2)
    y = register.call_servable(x1, x2)
    return y
"""

LOOKUP = """
import numpy as np
import salver

net = salver.model("table.mindir")

@salver.method
def look_up(index: np.int32):
    return net(index)
"""


class Twice(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + x


def servable(models: Path, name: str, *, file: str = "", arguments: str = "x", source: str = AROUND) -> Path:
    """Gives the folder for its model."""
    (models / name / "1").mkdir(parents=True)
    text = source.format(file=file, arguments=arguments) if source is AROUND else source
    (models / name / "servable.py").write_text(text)
    return models / name / "1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models = tmp_path_factory.mktemp("models")
    export("add_rows", servable(models, "mindir", file="add_rows.mindir", arguments="x, x"))
    export("table", servable(models, "lookup", source=LOOKUP))
    program = torch.export.export(Twice(), (torch.rand(2, 2),), dynamic_shapes={"x": {0: torch.export.Dim("n", min=1)}})
    torch.export.save(program, servable(models, "exported", file="twice.pt2") / "twice.pt2")
    (models / "add" / "1").mkdir(parents=True)
    (models / "add" / "servable_config.py").write_text(TUTORIAL)
    export("add", models / "add" / "1")
    with running(models) as server:
        yield server


@pytest.mark.parametrize("name", ["mindir", "exported"])
def test_rows_of_many_callers_are_run_by_the_framework(server: Server, name: str) -> None:
    with Client(server.address) as client:
        for rows in (1, 3, 40):
            x = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
            [y] = client.infer(name, {"x": x}, timeout=30).values()
            np.testing.assert_array_equal(y, 2 * x)


def test_the_tutorials_servable_answers_the_tutorials_client(server: Server) -> None:
    x = np.ones((2, 2), np.float32)
    rows = [{"x1": n * x, "x2": n * x} for n in (1, 2, 3)]
    replies = MindSporeClient(server.address, "add", "add_common").infer(rows)
    assert [reply["y"].tolist() for reply in replies] == [[[2 * n] * 2] * 2 for n in (1, 2, 3)]
    [reply] = MindSporeClient(server.address, "add", "add_cast").infer({"x1": x.astype(int), "x2": x.astype(int)})
    assert reply["y"].tolist() == [[2, 2], [2, 2]]


def test_a_row_that_the_model_cannot_run_fails_in_its_own_words_and_no_other(server: Server) -> None:
    with Client(server.address) as client:
        with pytest.raises(SalverError, match=r"should be in the range \[0, 5\), but got 9"):
            client.infer("lookup", {"index": np.array([9], np.int32)}, timeout=40)
        [y] = client.infer("lookup", {"index": np.array([1, 4], np.int32)}, timeout=30).values()
    assert y.tolist() == [[2, 3], [8, 9]]
