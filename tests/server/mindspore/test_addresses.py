import pytest

from salver.server.mindspore.addresses import checked_grpc_address, checked_rest_address


@pytest.mark.parametrize("address", ["127.0.0.1:5500", "localhost:1", "[::1]:65535", "0.0.0.0:05500"])
def test_tcp_addresses(address: str) -> None:
    assert checked_grpc_address(address) == checked_rest_address(address) == address


def test_only_grpc_takes_unix_sockets() -> None:
    assert checked_grpc_address("unix:/tmp/socket") == "unix:/tmp/socket"
    with pytest.raises(RuntimeError) as raised:
        checked_rest_address("unix:/tmp/socket")
    assert str(raised.value) == "Serving Error: RESTful server does not support binding to unix domain socket"
    with pytest.raises(RuntimeError) as raised:
        checked_grpc_address("unix:")
    assert str(raised.value) == "Serving Error: Empty grpc server unix domain socket address"


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("localhost", "The format of the {tag} address 'localhost' is illegal"),
        ("", "The format of the {tag} address '' is illegal"),
        (":5500", "Missing ip or port of the {tag} address ':5500'"),
        ("localhost:", "Missing ip or port of the {tag} address 'localhost:'"),
        ("localhost:0", "The port of the {tag} address 'localhost:0' is out of legal range [1 ~ 65535]"),
        ("localhost:65536", "The port of the {tag} address 'localhost:65536' is out of legal range [1 ~ 65535]"),
        ("localhost:-5", "The port of the {tag} address 'localhost:-5' is out of legal range [1 ~ 65535]"),
        ("localhost:port", "The type of {tag} address 'localhost:port' port is not a number"),
        ("localhost:\uff11", "The type of {tag} address 'localhost:\uff11' port is not a number"),
    ],
)
def test_bad_addresses(address: str, text: str) -> None:
    for check, tag in ((checked_grpc_address, "Serving gRPC"), (checked_rest_address, "RESTful server")):
        with pytest.raises(RuntimeError) as raised:
            check(address)
        assert str(raised.value) == "Serving Error: " + text.format(tag=tag)
