"""The `.proto` that is written of a contract."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import salver
from salver.authoring.protos.text import Written, written
from salver.authoring.spec import Contract, Method, Plan, Port

DTYPES = {
    "bool": "bool",
    "int8": "int32",
    "int16": "int32",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint32",
    "uint16": "uint32",
    "uint32": "uint32",
    "uint64": "uint64",
    "float16": "float",
    "bfloat16": "float",
    "float32": "float",
    "float64": "double",
    "str": "string",
    "bytes": "bytes",
}


def method(name: str, *inputs: Port, outputs: tuple[Port, ...] | None = None, sequence: bool = False) -> Method:
    outputs = (Port("y", "float32", (2,)),) if outputs is None else outputs
    return Method(name, Contract(inputs, outputs, True), Plan((), ()), sequence)


def test_a_servable_that_is_a_service_of_its_own_and_nothing_else_says_so(tmp_path: Path) -> None:
    made = written("echo", [])
    assert "// It serves a .proto of its own and nothing else" in made.text
    assert list(compiled(made, tmp_path).pool.FindServiceByName("echo.Echo").methods) == []


def compiled(made: Written, folder: Path) -> Any:
    """By salver, after protoc has taken it, too."""
    file = folder / "made.proto"
    file.write_text(made.text)
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--descriptor_set_out={folder / 'made'}"]
    taken = subprocess.run([*protoc, str(file)], capture_output=True, text=True, timeout=50, check=False)
    assert (taken.returncode, taken.stderr) == (0, "")
    return salver.proto(str(file))


def field(proto: Any, message: str, name: str) -> tuple[str, bool]:
    """The type of a field and whether it is repeated."""
    found = getattr(proto, message).DESCRIPTOR.fields_by_name[name]
    kind = found.message_type.full_name if found.message_type else KINDS[found.type]
    return kind, found.is_repeated


KINDS = {
    1: "double",
    2: "float",
    3: "int64",
    4: "uint64",
    5: "int32",
    8: "bool",
    9: "string",
    12: "bytes",
    13: "uint32",
}


def test_every_element_type_has_its_own(tmp_path: Path) -> None:
    single = [Port(f"one_{dtype}", dtype, ()) for dtype in DTYPES]
    many = [Port(f"many_{dtype}", dtype, (3,)) for dtype in DTYPES]
    proto = compiled(written("types", [method("predict", *single, *many)]), tmp_path)
    for dtype, kind in DTYPES.items():
        assert field(proto, "PredictRequest", f"one_{dtype}") == (kind, False)
        assert field(proto, "PredictRequest", f"many_{dtype}") == (kind, True)


@pytest.mark.parametrize(
    ("port", "kind"),
    [
        (Port("x", "float32", (2, 2)), ("float", True)),
        (Port("x", "float32", (2, "n")), ("float", True)),
        (Port("x", "float32", ("m", "n")), ("shapes.FloatTensor", False)),
        (Port("x", "int64", None), ("shapes.Int64Tensor", False)),
        (Port("x", None, None), ("shapes.FloatTensor", False)),
        (Port("x", "str", None), ("string", False)),
        (Port("x", "str", ("n",)), ("string", True)),
        (Port("x", "str", (2, 2)), ("shapes.StringTensor", False)),
        (Port("x", "str", (), json=True), ("google.protobuf.Value", False)),
    ],
)
def test_a_tensor_whose_shape_its_elements_do_not_tell_says_it_itself(
    tmp_path: Path, port: Port, kind: tuple[str, bool]
) -> None:
    proto = compiled(written("shapes", [method("predict", port, outputs=(port,))]), tmp_path)
    assert field(proto, "PredictRequest", "x") == field(proto, "PredictReply", "x") == kind


def test_what_may_be_left_out_has_presence(tmp_path: Path) -> None:
    ports = (Port("text", "str", (), optional=True), Port("x", "float32", None, optional=True))
    proto = compiled(written("options", [method("predict", *ports)]), tmp_path)
    request = proto.PredictRequest()
    assert not request.HasField("text")
    assert not request.HasField("x")


def test_comments_say_what_types_cannot(tmp_path: Path) -> None:
    port = Port("x", "float16", (2, "width"), optional=True)
    made = written("faces", [method("predict", port)])
    assert "  repeated float x = 1;  // float16[2, width], may be left out" in made.text.splitlines()
    assert made.text.startswith("// The servable 'faces'. One message is one row; tensors are row-major.\n")


def test_sequences_are_streams(tmp_path: Path) -> None:
    methods = [method("tell", Port("x", "str", ()), sequence=True), method("say", Port("x", "str", ()))]
    proto = compiled(written("story", methods), tmp_path)
    rpcs = proto.options  # the service is there, with both
    assert rpcs("Story.Tell") is not None
    service = proto.pool.FindServiceByName("story.Story")
    assert [(each.name, each.server_streaming) for each in service.methods] == [("Tell", True), ("Say", False)]


def test_names_that_protobuf_does_not_take_are_changed_and_told(tmp_path: Path) -> None:
    names = ["input:0", "input_0", "inputₒ", "1", "", "a/b.c", "aB", "a_b", "message", "repeated", "weird\nname"]
    ports = [Port(name, "float32", (2,)) for name in names]
    methods = [
        method(name, *ports) for name in ("add_common", "addCommon", "AddCommon", "serving.default", "1st", "rpc")
    ]
    made = written("2d-Detector.v1", methods)
    proto = compiled(made, tmp_path)
    assert made.service == "x2d_detector_v1.X2dDetectorV1"
    service = proto.pool.FindServiceByName(made.service)
    assert [each.rpc for each in made.rpcs] == [each.name for each in service.methods]
    assert [each.method for each in made.rpcs] == [each.name for each in methods]
    for rpc in made.rpcs:
        assert [port for port, _ in rpc.inputs] == names
        declared = service.methods_by_name[rpc.rpc].input_type.fields_by_name
        assert [name for _, name in rpc.inputs] == list(declared)
    assert "called 'input:0'" in made.text


def test_a_method_may_be_called_as_a_tensor_is(tmp_path: Path) -> None:
    """No message has another's name."""
    port = Port("x", "float32", None)
    methods = [method("FloatTensor", port), method("x", port), method("xRequest", port), method("v", port)]
    compiled(written("faces", methods), tmp_path)


def test_a_servable_without_methods_has_a_service_all_the_same(tmp_path: Path) -> None:
    assert compiled(written("none", []), tmp_path).pool.FindServiceByName("none.None") is not None
