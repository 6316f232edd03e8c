"""Services whose calls are rows of a servable's methods, as seen by others than their own clients."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from support.http import get, post
from support.waiting import metric, until
from support.web import connect_stream, frame, grpc_web

import salver
from salver.client.api import Client
from salver.testing.server import Server, running

PROTO = """
syntax = "proto3";
package desk;
message Asked { bytes image = 1; repeated float values = 2; }
message Told { string text = 1; repeated float values = 2; int32 version = 3; }
service Desk {
  rpc Look(Asked) returns (Told);
  rpc Tell(Asked) returns (stream Told);
}
"""

CODE = """
import os, signal, time
from collections.abc import Iterator
from typing import TypedDict
import numpy as np, salver
from jaxtyping import Float32

desk = salver.proto("desk.proto")

class Told(TypedDict):
    text: str
    values: Float32[np.ndarray, "n"]
    version: int

@desk.service("Desk")
class Desk:
    def look(self, image: bytes, values: Float32[np.ndarray, "n"], context: salver.Context) -> Told:
        if image == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        if image == b"sleep":
            open(context.metadata["x-begun"], "w").close()
            while not context.cancelled:
                time.sleep(0.01)
            open(context.metadata["x-left"], "w").close()
        return {"text": image.decode(), "values": values * 2, "version": VERSION}

    def tell(self, image: bytes, values: Float32[np.ndarray, "n"]) -> Iterator[Told]:
        for value in values:
            yield {"text": image.decode(), "values": np.array([value], np.float32), "version": VERSION}
"""


def write(folder: Path, version: int) -> None:
    """The servable's next version."""
    servable = folder / "desk"
    servable.mkdir(parents=True, exist_ok=True)
    (servable / "desk.proto").write_text(PROTO)
    (servable / "servable.py").write_text(CODE.replace("VERSION", str(version)))
    (servable / str(version)).mkdir()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("desk") / "desk.proto"
    path.write_text(PROTO)
    return salver.proto(str(path))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served") / "models"
    write(folder, 1)
    with running(folder) as server:
        yield server


@pytest.fixture
def stub(desk: Any, server: Server) -> Iterator[Any]:
    with grpc.insecure_channel(server.address) as channel:
        yield desk.stub("Desk", channel)


def test_health_knows_it_by_its_name(server: Server) -> None:
    with Client(server.address) as client:
        assert [client.health(name) for name in ("desk", "desk.Desk")] == ["SERVING"] * 2


def test_reflection_shows_it(server: Server) -> None:
    with grpc.insecure_channel(server.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert "desk.Desk" in database.get_services()
        method = DescriptorPool(database).FindMethodByName("desk.Desk.Look")
        request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        call = channel.unary_unary("/desk.Desk/Look", request.SerializeToString, response.FromString)
        assert call(request(image=b"seen"), timeout=20).text == "seen"


def test_every_protocol_gives_the_same(desk: Any, stub: Any, server: Server) -> None:
    sent = desk.Asked(image=b"a", values=[1, 2])
    told = stub.Look(sent, timeout=20)
    document = {"text": "a", "values": [2, 4], "version": 1}
    assert told == desk.Told(**document)
    body = {"image": "YQ==", "values": [1, 2]}
    assert post(server.address, "/desk.Desk/Look", body).json == document
    connect = {"Content-Type": "application/json", "Connect-Protocol-Version": "1"}
    assert post(server.address, "/desk.Desk/Look", body, connect).json == document
    [message] = grpc_web(server.address, "/desk.Desk/Look", sent.SerializeToString()).messages
    assert desk.Told.FromString(message) == told
    rows = {"image": {"b64": "YQ=="}, "values": [1, 2]}
    assert post(server.address, "/servables/desk/look", rows).json == document
    with Client(server.address) as client:
        inputs = {"image": np.array([b"a"], object), "values": np.array([[1, 2]], np.float32)}
        assert client.infer("desk", inputs, method="look")["values"].tolist() == [[2, 4]]


def test_streams_in_every_protocol_give_the_same(desk: Any, stub: Any, server: Server) -> None:
    sent = desk.Asked(image=b"a", values=range(200))
    told = list(stub.Tell(sent, timeout=20))
    assert [each.values[:] for each in told] == [[float(value)] for value in range(200)]
    body = {"image": "YQ==", "values": list(range(200))}
    reply = post(server.address, "/desk.Desk/Tell", body)
    assert [json.loads(line)["result"]["values"] for line in reply.body.splitlines()] == [[v] for v in range(200)]
    framed = connect_stream(server.address, "/desk.Desk/Tell", frame(json.dumps(body).encode()), "json")
    assert [json.loads(each)["values"] for each in framed.messages] == [[value] for value in range(200)]


def test_a_caller_who_leaves_is_noticed(stub: Any, desk: Any, tmp_path: Path) -> None:
    begun, left = tmp_path / "begun", tmp_path / "left"
    metadata = [("x-begun", str(begun)), ("x-left", str(left))]
    call = stub.Look.future(desk.Asked(image=b"sleep"), metadata=metadata, timeout=30)
    until(begun.exists)
    call.cancel()
    until(left.exists)


def test_a_deadline_ends_a_call(stub: Any, desk: Any, tmp_path: Path) -> None:
    begun, left = tmp_path / "begun", tmp_path / "left"
    metadata = [("x-begun", str(begun)), ("x-left", str(left))]
    with pytest.raises(grpc.RpcError) as refused:
        stub.Look(desk.Asked(image=b"sleep"), metadata=metadata, timeout=0.3)
    assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: left.exists() or not begun.exists())


def test_bad_messages_are_refused(server: Server) -> None:
    with grpc.insecure_channel(server.address) as channel:
        for message, code in (
            (b"\x0a\x05a", grpc.StatusCode.INVALID_ARGUMENT),
            (b"\x12\x03abc", grpc.StatusCode.INVALID_ARGUMENT),
            (b"\x0a\x01\xff", grpc.StatusCode.INTERNAL),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary("/desk.Desk/Look")(message, timeout=20)
            assert refused.value.code() is code, refused.value.details()


def test_calls_are_counted_by_service_and_method(stub: Any, desk: Any, server: Server) -> None:
    labels = {"servable": "desk.Desk", "method": "Look", "protocol": "grpc", "code": "OK"}
    stub.Look(desk.Asked(), timeout=20)
    before = metric(server.address, "salver_calls_total", **labels)
    stub.Look(desk.Asked(), timeout=20)
    until(lambda: metric(server.address, "salver_calls_total", **labels) == before + 1)


def test_a_worker_that_dies_fails_its_call_alone(stub: Any, desk: Any) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        stub.Look(desk.Asked(image=b"die"), timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE

    def answered() -> bool:
        call = stub.Look.future(desk.Asked(image=b"again"), timeout=20)
        assert call.code() in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)
        return bool(call.code() is grpc.StatusCode.OK)

    until(answered)


def test_versions_change_without_a_failed_call(desk: Any, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    write(folder, 1)
    seen: set[int] = set()
    failures: list[Exception] = []
    over = threading.Event()

    def call(address: str) -> None:
        with grpc.insecure_channel(address) as channel:
            look = desk.stub("Desk", channel).Look
            while not over.is_set():
                try:
                    seen.add(look(desk.Asked(image=b"a"), timeout=20).version)
                except grpc.RpcError as error:
                    failures.append(error)
                    return

    with running(folder, "--watch-s", "0.1") as server:
        callers = [threading.Thread(target=call, args=(server.address,)) for _ in range(2)]
        try:
            for caller in callers:
                caller.start()
            until(lambda: bool(seen))
            write(folder, 2)
            until(lambda: 2 in seen, 30)
        finally:
            over.set()
            for caller in callers:
                caller.join(30)
        assert failures == []
        assert get(server.address, "/v2/health/ready").status == 200
