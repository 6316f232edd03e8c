"""Arguments of `Client` and `SSLConfig`, and what the package offers."""

import subprocess
import sys
from typing import Any

import grpc
import pytest

import mindspore_serving.client
from mindspore_serving.client import Client, SSLConfig
from mindspore_serving.proto.ms_service_pb2_grpc import MSServiceStub

CONFIG = SSLConfig()
NOT_A_CONFIG = "The type of ssl_config should be type of SSLConfig"


def call(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


@pytest.mark.parametrize(
    ("arguments", "version"),
    [
        (call("localhost:5500", "add", "add_common"), 0),
        (call("localhost:5500", "add", "add_common", 2), 2),
        (call("localhost:5500", "add", "add_common", True), True),
        (call("localhost:5500", "add", "add_common", 2, CONFIG), 2),
        (call("localhost:5500", "add", "add_common", ssl_config=CONFIG), 0),
        (
            call(address="localhost:5500", servable_name="add", method_name="add_common", version_number=1),
            1,
        ),
        (call("localhost", 5500, "add", "add_common"), 0),
        (call("localhost", 5500, "add", "add_common", 3), 3),
        (call("localhost", 5500, "add", "add_common", version_number=0), 0),
        (call("localhost", 5500, servable_name="add", method_name="add_common"), 0),
        (call(ip="localhost", port=5500, servable_name="add", method_name="add_common"), 0),
    ],
)
def test_both_forms_name_the_same_target(arguments: tuple[tuple[Any, ...], dict[str, Any]], version: int) -> None:
    client = Client(*arguments[0], **arguments[1])
    assert client.address == "localhost:5500"
    assert (client.servable_name, client.method_name) == ("add", "add_common")
    assert client.version_number == version
    assert isinstance(client.channel, grpc.Channel)
    assert isinstance(client.stub, MSServiceStub)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (call(1, "add", "m"), "Parameter 'address' should be str, but actually <class 'int'>"),
        (call("", "add", "m"), "Parameter 'address' should not be empty str"),
        (call("a:1", 5, "m"), "Parameter 'servable_name' should be str, but actually <class 'int'>"),
        (call("a:1", 5, "m", 0), "Parameter 'servable_name' should be str, but actually <class 'int'>"),
        (call("a:1", "", "m"), "Parameter 'servable_name' should not be empty str"),
        (call("a:1", "add", None), "Parameter 'method_name' should be str, but actually <class 'NoneType'>"),
        (call("a:1", "add", ""), "Parameter 'method_name' should not be empty str"),
        (
            call("a:1", "add", "m", 1.0),
            "Parameter 'version_number' should be int, but actually <class 'float'>",
        ),
        (
            call("a:1", "add", "m", version_number="1"),
            "Parameter 'version_number' should be int, but actually <class 'str'>",
        ),
        (call("a:1", "add", "m", -1), "Parameter 'version_number' should be >= 0"),
        (call("a:1", "add", "m", ssl_config="ca.crt"), NOT_A_CONFIG),
        (call("a:1", "add", "m", 0, {}), NOT_A_CONFIG),
        (call("", 1, "add", "m"), "Parameter 'ip' should not be empty str"),
        (call("a", "1", "add", "m"), "Parameter 'port' should be int, but actually <class 'str'>"),
        (call("a", 0, "add", "m"), "Parameter 'port' should be in range [1,65535]"),
        (call("a", 65536, "add", "m"), "Parameter 'port' should be in range [1,65535]"),
        (call("a", 1, "", "m"), "Parameter 'servable_name' should not be empty str"),
        (call("a", 1, "add", ""), "Parameter 'method_name' should not be empty str"),
        (call("a", 1, "add", "m", -1), "Parameter 'version_number' should be >= 0"),
        (
            call("a:1", "add", "m", ssl_config=SSLConfig(certificate="client.crt")),
            "The certificate and private_key should be passed at the same time",
        ),
        (
            call("a:1", "add", "m", ssl_config=SSLConfig(private_key="client.key")),
            "The certificate and private_key should be passed at the same time",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[tuple[Any, ...], dict[str, Any]], text: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        Client(*arguments[0], **arguments[1])
    assert str(raised.value) == text


@pytest.mark.parametrize("arguments", [call(), call("a:1", "add"), call("a", 1, "add", port=1)])
def test_a_wrong_number_of_arguments_is_a_type_error(
    arguments: tuple[tuple[Any, ...], dict[str, Any]],
) -> None:
    with pytest.raises(TypeError):
        Client(*arguments[0], **arguments[1])


@pytest.mark.parametrize("name", ["certificate", "private_key", "custom_ca"])
def test_paths_of_ssl_config_are_checked(name: str) -> None:
    assert getattr(SSLConfig(**{name: "file.pem"}), name) == "file.pem"
    wrong: Any = {name: b"file.pem"}
    with pytest.raises(RuntimeError, match=f"^Parameter '{name}' should be str, but actually <class 'bytes'>$"):
        SSLConfig(**wrong)
    with pytest.raises(RuntimeError, match=f"^Parameter '{name}' should not be empty str$"):
        SSLConfig(**{name: ""})


def test_stub_and_channel_may_be_deleted() -> None:
    client = Client("localhost:1", "add", "add_common")
    del client.stub
    del client.channel


def test_the_public_names() -> None:
    assert mindspore_serving.client.__all__ == ["Client", "SSLConfig"]
    assert {"ClientGrpcAsyncResult", "ClientGrpcAsyncError"} <= set(dir(mindspore_serving.client))


def test_the_import_is_light() -> None:
    script = "import sys, mindspore_serving.client; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    loaded = set(done.stdout.split())
    assert {"numpy", "grpc", "google.protobuf"} <= loaded
    assert loaded.isdisjoint({"salver._native", "onnxruntime", "jaxtyping", "mindspore", "tensorflow", "torch"})
