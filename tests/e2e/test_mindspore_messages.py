"""Messages that MindSpore Serving's own client does not send, by its generated code, to a real server."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from mindspore_serving.client import Client
from mindspore_serving.proto import ms_service_pb2 as pb
from mindspore_serving.proto.ms_service_pb2_grpc import MSServiceStub

ONES = pb.Tensor(shape=pb.TensorShape(dims=[2, 2]), dtype=pb.MS_FLOAT32, data=np.ones(4, np.float32).tobytes())
SPEC = pb.ServableSpec(name="add", method_name="predict")


@pytest.fixture
def stub(address: str) -> Iterator[MSServiceStub]:
    with grpc.insecure_channel(address) as channel:
        yield MSServiceStub(channel)


def instance(x1: pb.Tensor = ONES, x2: pb.Tensor = ONES, **more: pb.Tensor) -> pb.Instance:
    return pb.Instance(items={"x1": x1, "x2": x2, **more})


def told(reply: pb.PredictReply) -> tuple[int, str]:
    """The one error of a reply that holds nothing else but whom it was for."""
    assert not reply.instances
    [error] = reply.error_msg
    return error.error_code, error.error_msg.decode()


def test_a_request_without_instances_is_answered(address: str, stub: MSServiceStub) -> None:
    text = "Instances count of request cannot be 0, servable: add, method: predict"
    assert told(stub.Predict(pb.PredictRequest(servable_spec=SPEC), timeout=20)) == (2, text)
    assert Client(address, "add", "predict").infer([]) == {"error": text}


@pytest.mark.parametrize("size", [0, 16])
def test_no_client_names_shared_memory_of_the_servers_host(stub: MSServiceStub, size: int, tmp_path: Path) -> None:
    named = Path("/dev/shm") / f"salver-test-{tmp_path.name}"
    named.write_bytes(np.ones(4, np.float32).tobytes())
    try:
        place = pb.ShmTensorData(memory_key=f"/{named.name}", bytes_size=16, data_size=size)
        there = pb.Tensor(shape=ONES.shape, dtype=pb.MS_FLOAT32, shm_data=place)
        reply = stub.Predict(pb.PredictRequest(servable_spec=SPEC, instances=[instance(), instance(there)]), timeout=20)
        assert named.read_bytes() == np.ones(4, np.float32).tobytes()
    finally:
        named.unlink()
    why = "shared memory of clients is not accepted; send the value in the field data"
    assert told(reply) == (2, f"Instances input x1 check failed, detail: {why}")


def test_shared_memory_for_the_outputs_is_not_written_to(stub: MSServiceStub) -> None:
    wanted = pb.Instance(items=instance().items, output_buffers={"y": pb.ShmTensorData(memory_key="/nowhere")})
    reply = stub.Predict(pb.PredictRequest(servable_spec=SPEC, instances=[wanted]), timeout=20)
    assert reply.instances[0].items["y"].data == np.full(4, 2, np.float32).tobytes()


def test_clients_of_release_1_2_number_the_instances_otherwise(stub: MSServiceStub) -> None:
    newer = pb.PredictRequest(servable_spec=SPEC, instances=[instance(), instance()]).SerializeToString()
    # Field 3 in the place of 2, each of which is a length-delimited message behind a tag of one byte.
    spec, (first, second) = SPEC.SerializeToString(), newer.split(b"\x12D")[1:]
    older = b"\x0a" + bytes([len(spec)]) + spec + b"\x1aD" + first + b"\x1aD" + second
    request = pb.PredictRequest.FromString(older)
    assert not request.instances
    reply = stub.Predict(request, timeout=20)
    assert [each.items["y"].data for each in reply.instances] == [np.full(4, 2, np.float32).tobytes()] * 2
    assert not reply.error_msg


def test_what_is_not_declared_is_ignored_and_the_spec_comes_back_as_it_was(stub: MSServiceStub) -> None:
    reply = stub.Predict(pb.PredictRequest(servable_spec=SPEC, instances=[instance(x3=pb.Tensor())]), timeout=20)
    assert reply.servable_spec == SPEC
    assert list(reply.instances[0].items) == ["y"]


@pytest.mark.parametrize("count", [1, 3])
def test_failures_have_one_error_for_each_instance_unless_they_are_all_alike(stub: MSServiceStub, count: int) -> None:
    short = pb.Tensor(shape=pb.TensorShape(dims=[2]), dtype=pb.MS_FLOAT32, data=bytes(8))
    text = "Given model input 0 size 8 not match the size 16 defined in model"
    alike = pb.PredictRequest(servable_spec=SPEC, instances=[instance(short)] * count)
    assert told(stub.Predict(alike, timeout=20)) == (2, text)
    mixed = pb.PredictRequest(servable_spec=SPEC, instances=[instance(), instance(short)])
    reply = stub.Predict(mixed, timeout=20)
    assert [(each.error_code, each.error_msg.decode()) for each in reply.error_msg] == [(0, ""), (2, text)]
    assert [list(each.items) for each in reply.instances] == [["y"], []]
