"""`salver.proto` has what generated code has, without generating any."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

import salver
import salver.grpc as own_grpc
from salver.client import ServiceClient
from salver.problems import Unusable


@pytest.fixture
def infer(folder: Path) -> Any:
    return salver.proto(str(folder / "infer.proto"))


def test_messages_and_enums_are_under_their_names(infer: Any) -> None:
    image = infer.Image(raw_data=b"x", image_id="1", parts=[{"kind": "EYE"}])
    assert infer.Image.FromString(image.SerializeToString()) == image
    assert image.parts[0].kind == infer.Image.Part.EYE == infer.Image.Part.Kind.Value("EYE")
    assert (infer.BLUE, infer.Colour.BLUE, infer.Colour.Name(1)) == (1, 1, "BLUE")
    assert infer.Image.DESCRIPTOR.full_name == "vision.v1.Image"


def test_packages_nest(infer: Any) -> None:
    assert infer.vision.v1.Image is infer.Image is infer["vision.v1.Image"]
    assert infer.shared.MetaData(values={"a": "b"}).values == {"a": "b"}
    image = infer.Image(_meta_data=infer.shared.MetaData(values={"a": "b"}))
    assert json_format.MessageToDict(image) == {"MetaData": {"values": {"a": "b"}}}


def test_well_known_types_have_their_manners(infer: Any) -> None:
    image = infer.Image()
    image.at.FromJsonString("2026-11-21T12:00:00Z")
    assert image.at.ToDatetime().year == 2026
    image.more.Pack(infer.Faces(scores=[0.5]))
    as_dict = json_format.MessageToDict(image, descriptor_pool=infer.pool)
    assert as_dict["more"] == {"@type": "type.googleapis.com/vision.v1.Faces", "scores": [0.5]}


def test_options_have_their_extensions(infer: Any) -> None:
    options = infer.options("Inference.Predict")
    assert options.Extensions[infer.google.api.http].post == "/v1/predict"
    assert not infer.options("Inference.Watch").HasExtension(infer.google.api.http)
    assert infer.options("Image").map_entry is False
    with pytest.raises(KeyError, match="Nothing"):
        infer.options("Nothing")


def test_a_file_without_imports_has_options_too(tmp_path: Path) -> None:
    (tmp_path / "plain.proto").write_text('syntax = "proto3";\nmessage A { option deprecated = true; }')
    plain = salver.proto(str(tmp_path / "plain.proto"))
    assert plain.options("A").deprecated
    assert plain.A() == plain["A"]()


@pytest.mark.parametrize(
    ("name", "told"),
    [("Imag", "did you mean Image"), ("Zzz", "it has Image, Faces, Colour, InferenceStub")],
)
def test_a_name_that_is_not_there_is_told_with_those_that_are(infer: Any, name: str, told: str) -> None:
    with pytest.raises(AttributeError, match=told):
        getattr(infer, name)


def test_neither_is_one_of_another_package(infer: Any) -> None:
    with pytest.raises(AttributeError, match=r"knows no 'google.protobuf.Nothing'"):
        _ = infer.google.protobuf.Nothing
    with pytest.raises(KeyError):
        infer["vision.v2.Image"]


def test_older_files_are_read_too(tmp_path: Path) -> None:
    text = """
        syntax = "proto2";
        package old;
        message A {
          required int32 a = 1;
          optional int32 count = 2 [default = 7];
          optional group Extra = 3 { optional string text = 4; }
          extensions 100 to 199;
        }
        extend A { optional string note = 100; }
    """
    (tmp_path / "old.proto").write_text(text)
    old = salver.proto(str(tmp_path / "old.proto"))
    message = old.A(a=1, extra={"text": "x"})
    message.Extensions[old.note] = "noted"
    assert (message.count, old.A.FromString(message.SerializeToString())) == (7, message)


def test_names_of_public_imports_are_the_files_own(folder: Path) -> None:
    (folder / "all.proto").write_text('syntax = "proto3";\npackage everything;\nimport public "shared/meta.proto";')
    assert salver.proto(str(folder / "all.proto")).MetaData(values={"a": "b"}).values == {"a": "b"}


def test_two_files_may_call_different_things_the_same(tmp_path: Path) -> None:
    for folder, field in (("a", "int32 number"), ("b", "string text")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.proto").write_text(f'syntax = "proto3";\nmessage Same {{ {field} = 1; }}')
    first, second = (salver.proto(str(tmp_path / folder / "same.proto")) for folder in "ab")
    assert (first.Same(number=1).number, second.Same(text="x").text) == (1, "x")


def test_it_lives_beside_generated_code_of_the_same_file(folder: Path) -> None:
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--python_out={folder}"]
    subprocess.run([*protoc, "shared/meta.proto"], check=True, timeout=50)
    script = "import sys, salver; sys.path.insert(0, '.'); from shared import meta_pb2\n"
    script += "own = salver.proto('infer.proto').shared.MetaData(values={'a': 'b'})\n"
    script += "assert meta_pb2.MetaData.FromString(own.SerializeToString()).values == {'a': 'b'}\n"
    script += "assert not isinstance(own, meta_pb2.MetaData)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=50, cwd=folder)


def test_it_is_light(folder: Path) -> None:
    """A client that uses it imports no numpy, and nothing of the server."""
    heavy = "[n for n in sys.modules if n in ('numpy', 'grpc') or n.startswith(('salver.workers', 'salver.server'))]"
    script = f"import sys, salver; salver.proto('infer.proto'); assert not {heavy}, {heavy}"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=50, cwd=folder)


@pytest.fixture(params=[grpc, own_grpc], ids=["grpcio", "salver"])
def port(infer: Any, request: pytest.FixtureRequest) -> Iterator[int]:
    """A server of grpcio's or of salver's, with a servicer that is made without generated code."""

    class Servicer(infer.InferenceServicer):  # type: ignore[misc]
        def Predict(self, request: Any, _context: Any) -> Any:  # noqa: N802
            return infer.Faces(image_id=request.image_id)

        def Watch(self, request: Any, _context: Any) -> Iterator[Any]:  # noqa: N802
            yield from (infer.Faces(image_id=f"{request.image_id}{number}") for number in range(3))

        def Collect(self, requests: Iterator[Any], _context: Any) -> Any:  # noqa: N802
            return infer.Faces(image_id="+".join(request.image_id for request in requests))

    server = request.param.server(ThreadPoolExecutor(2))
    infer.add_InferenceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait(30)


def test_a_stub_calls_what_a_servicer_answers(infer: Any, port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = infer.stub("Inference", channel)
        assert stub.Predict(infer.Image(image_id="a"), timeout=30) == infer.Faces(image_id="a")
        assert [each.image_id for each in stub.Watch(infer.Image(image_id="a"))] == ["a0", "a1", "a2"]
        images = (infer.Image(image_id=name) for name in "ab")
        assert stub.Collect(images).image_id == "a+b"
        with pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
            list(stub.Chat(iter([])))


def test_the_file_stands_for_the_generated_module(infer: Any, port: int) -> None:
    with ServiceClient(infer, "InferenceStub", "localhost", port) as client:
        assert client.Predict(infer.Image(image_id="a")).image_id == "a"


def test_an_unknown_service_is_told_with_those_there_are(infer: Any, folder: Path) -> None:
    with pytest.raises(Unusable) as refused:
        infer.stub("Inferense", None)
    assert "test_proto.py" in refused.value.problem.where
    assert str(folder / "infer.proto") in refused.value.problem.what
    assert refused.value.problem.remedy == "name one of Inference"
