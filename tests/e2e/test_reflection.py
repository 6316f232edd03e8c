"""What reflection clients see: gRPC's own, in Python."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from support.conformance import Place, serving
from support.conformance_pb2 import DESCRIPTOR as CONFORMANCE
from tritonclient.grpc import service_pb2

BUILT_IN = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "inference.GRPCInferenceService",
    "mindspore.serving.proto.MSService",
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
]
_TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def own() -> Iterator[Place]:
    with serving("salver") as place:
        yield place


@pytest.fixture
def database(own: Place) -> Iterator[ProtoReflectionDescriptorDatabase]:
    with grpc.insecure_channel(own.target) as channel:
        yield ProtoReflectionDescriptorDatabase(channel)


def test_every_service_is_listed(database: Any, address: str) -> None:
    assert sorted(database.get_services()) == sorted([*BUILT_IN, "conformance.Conformance"])
    with grpc.insecure_channel(address) as channel:
        assert sorted(ProtoReflectionDescriptorDatabase(channel).get_services()) == BUILT_IN


def test_a_service_is_called_without_its_files(own: Place, database: Any) -> None:
    service = DescriptorPool(database).FindServiceByName("conformance.Conformance")
    method = service.FindMethodByName("Unary")
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    with grpc.insecure_channel(own.target) as channel:
        call = channel.unary_unary(
            f"/{service.full_name}/{method.name}", request.SerializeToString, response.FromString
        )
        answer = call(request(text="by reflection", count=3), timeout=_TIMEOUT_S)
    assert (answer.text, answer.number) == ("by reflection", 3)


def test_built_in_services_are_called_without_their_files(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        method = pool.FindServiceByName("inference.GRPCInferenceService").FindMethodByName("ModelMetadata")
        request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        path = "/inference.GRPCInferenceService/ModelMetadata"
        call = channel.unary_unary(path, request.SerializeToString, response.FromString)
        metadata = call(request(name="scaled"), timeout=_TIMEOUT_S)
    assert [each.name for each in metadata.inputs] == ["x"]


def described(database: Any, symbol: str) -> descriptor_pb2.FileDescriptorProto:
    return database.FindFileContainingSymbol(symbol)


def test_a_file_is_told_as_it_was_compiled(database: Any) -> None:
    wanted = descriptor_pb2.FileDescriptorProto()
    CONFORMANCE.CopyToProto(wanted)
    assert described(database, "conformance.Request") == wanted
    assert database.FindFileByName(CONFORMANCE.name) == wanted


def _facts(field: FieldDescriptor) -> tuple[object, ...]:
    kind = field.message_type or field.enum_type
    oneof = field.containing_oneof
    return (
        field.number,
        field.type,
        field.is_repeated,
        kind and kind.full_name,
        oneof and oneof.name,
        field.json_name,
    )


def _compare(ours: Any, theirs: Any) -> int:
    """Compares each field of a message that we have with theirs; gives how many there were."""
    assert {each.name for each in ours.fields} <= {each.name for each in theirs.fields}, ours.full_name
    for each in ours.fields:
        assert _facts(each) == _facts(theirs.fields_by_name[each.name]), each.full_name
    nested = [(each, theirs.nested_types_by_name[each.name]) for each in ours.nested_types]
    return len(ours.fields) + sum(_compare(*pair) for pair in nested)


@pytest.mark.parametrize(
    ("symbol", "theirs", "fields"),
    [
        ("inference.GRPCInferenceService", service_pb2.DESCRIPTOR, 60),
        ("grpc.health.v1.Health", health_pb2.DESCRIPTOR, 2),
        ("grpc.reflection.v1alpha.ServerReflection", reflection_pb2.DESCRIPTOR, 20),
    ],
)
def test_our_descriptions_are_those_that_clients_were_made_from(
    database: Any, symbol: str, theirs: Any, fields: int
) -> None:
    file = DescriptorPool(database).FindFileContainingSymbol(symbol)
    known = theirs.message_types_by_name
    assert sum(_compare(each, known[name]) for name, each in file.message_types_by_name.items()) >= fields
    for name, service in file.services_by_name.items():
        methods = theirs.services_by_name[name].methods_by_name
        for method in service.methods:
            same = methods[method.name]
            assert method.input_type.full_name == same.input_type.full_name
            assert method.output_type.full_name == same.output_type.full_name
            streams = (method.client_streaming, method.server_streaming)
            assert streams == (same.client_streaming, same.server_streaming)


def test_every_method_that_is_described_is_there(own: Place, database: Any) -> None:
    pool = DescriptorPool(database)
    with grpc.insecure_channel(own.target) as channel:
        for name in BUILT_IN:
            for method in pool.FindServiceByName(name).methods:
                call = channel.stream_stream(f"/{name}/{method.name}")(iter([b"\xff\xff"]), timeout=_TIMEOUT_S)
                with suppress(grpc.RpcError):
                    list(call)
                assert call.code() is not grpc.StatusCode.UNIMPLEMENTED, method.full_name


def ask(target: str, *requests: Any, **options: Any) -> list[Any]:
    with grpc.insecure_channel(target) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[no-untyped-call]
        return list(stub.ServerReflectionInfo(iter(requests), timeout=_TIMEOUT_S, **options))


def test_what_is_not_there_is_told_and_the_stream_goes_on(own: Place) -> None:
    Request, Extension = reflection_pb2.ServerReflectionRequest, reflection_pb2.ExtensionRequest  # noqa: N806
    requests = [
        Request(file_by_filename="no.proto"),
        Request(file_containing_symbol="no.Symbol"),
        Request(file_containing_extension=Extension(containing_type="no.Message", extension_number=1)),
        Request(all_extension_numbers_of_type="no.Message"),
        Request(host="somewhere"),
        Request(all_extension_numbers_of_type="conformance.Request"),
        Request(list_services="*"),
    ]
    replies = ask(own.target, *requests, compression=grpc.Compression.Gzip)
    assert [reply.original_request for reply in replies] == requests
    assert [reply.error_response.error_code for reply in replies] == [5, 5, 5, 5, 3, 0, 0]
    assert "'no.Symbol'" in replies[1].error_response.error_message
    assert list(replies[5].all_extension_numbers_response.extension_number) == []
    assert len(replies[6].list_services_response.service) == len(BUILT_IN) + 1


@pytest.mark.parametrize(
    ("message", "code", "told"),
    [
        (b"\xff", grpc.StatusCode.INVALID_ARGUMENT, "ServerReflectionRequest"),
        (b"\x0a\x80\x80\x08" + bytes(1 << 17), grpc.StatusCode.RESOURCE_EXHAUSTED, "4096"),
    ],
    ids=["no message", "too large"],
)
def test_requests_that_are_none_end_the_stream(own: Place, message: bytes, code: object, told: str) -> None:
    with grpc.insecure_channel(own.target) as channel:
        path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        call = channel.stream_stream(path)(iter([message]), timeout=_TIMEOUT_S)
        assert call.code() is code
        assert told in call.details()
