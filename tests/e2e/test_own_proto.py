"""`proto = true` in `salver.toml`: a servable is served by the `.proto` that `salver proto` prints."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

import salver
from salver.testing.server import Server, running

NAMES = ("add", "any_length", "identity_str", "identity_float16", "forms")


@pytest.fixture(scope="module")
def server(models: Path, authored: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("own")
    for name in NAMES:
        shutil.copytree((models if (models / name).exists() else authored) / name, folder / name)
        with (folder / name / "salver.toml").open("a") as settings:
            settings.write("proto = true\n")
    (folder / "untyped").mkdir()
    (folder / "untyped" / "servable.py").write_text("import salver\n@salver.function\ndef first(x, y): return x\n")
    (folder / "untyped" / "salver.toml").write_text("proto = true\n")
    with running(folder) as server:
        yield server


@pytest.fixture
def stub(server: Server, tmp_path: Path) -> Iterator[Any]:
    """From the name of a servable to its messages and its stub, by what the server prints of it."""
    with grpc.insecure_channel(server.address) as channel:

        def made(name: str, service: str) -> tuple[Any, Any]:
            command = [sys.executable, "-m", "salver", "proto", server.address, name]
            text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=50).stdout
            (tmp_path / f"{name}.proto").write_text(text)
            proto = salver.proto(str(tmp_path / f"{name}.proto"))
            return proto, proto.stub(service, channel)

        yield made


def test_models_without_any_code_have_typed_messages(stub: Any) -> None:
    proto, add = stub("add", "Add")
    reply = add.Predict(proto.PredictRequest(x1=[1, 2, 3, 4], x2=[10, 20, 30, 40]), timeout=30)
    assert list(reply.y) == [11, 22, 33, 44]
    proto, text = stub("identity_str", "IdentityStr")
    assert list(text.Predict(proto.PredictRequest(x=["a", "", "ä"]), timeout=30).y) == ["a", "", "ä"]
    proto, half = stub("identity_float16", "IdentityFloat16")
    assert list(half.Predict(proto.PredictRequest(x=[0.5, 1, 2]), timeout=30).y) == [0.5, 1, 2]


def test_so_have_functions_documents_and_sequences(stub: Any) -> None:
    proto, forms = stub("forms", "Forms")
    assert forms.Shout(proto.ShoutRequest(text="a"), timeout=30).output == "AA"
    assert forms.Shout(proto.ShoutRequest(text="a", times=3), timeout=30).output == "AAA"
    pair = forms.Pair(proto.PairRequest(x=3), timeout=30)
    assert (pair.output_0, pair.output_1) == (4, "3 + 1")
    assert [each.output for each in forms.Count(proto.CountRequest(up_to=3), timeout=30)] == [0, 1, 2]
    doubled = forms.Doubled(proto.DoubledRequest(x={"shape": [2], "values": [1, 2]}), timeout=30)
    assert (list(doubled.output.shape), list(doubled.output.values)) == ([2], [2, 4])


def test_what_is_not_declared_is_a_tensor_of_any_shape(stub: Any) -> None:
    proto, untyped = stub("untyped", "Untyped")
    given = proto.FloatTensor(shape=[2, 1], values=[1, 2])
    assert untyped.First(proto.FirstRequest(x=given, y=given), timeout=30).output == given


def test_wrong_numbers_of_elements_are_refused(stub: Any) -> None:
    proto, add = stub("add", "Add")
    with pytest.raises(grpc.RpcError, match="INVALID_ARGUMENT"):
        add.Predict(proto.PredictRequest(x1=[1, 2, 3], x2=[10, 20, 30, 40]), timeout=30)


def test_the_server_says_which_services_it_has(server: Server) -> None:
    assert "    service add.Add: Predict\n" in server.output
