"""What is wrong with a request over HTTP, and with the start of a server for them, in the original's words."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.ports import free_port

from mindspore_serving import master, server
from mindspore_serving.server import SSLConfig

from .restful import READY, ask, restful

SERVABLE = """
from mindspore_serving.server import register


@register.register_method("y")
def echo(x):
    return x


@register.register_method(["y1", "y2"])
def both(x1, x2):
    return x1, x2
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("restful")
    (folder / "fun").mkdir()
    (folder / "fun" / "servable_config.py").write_text(SERVABLE)
    with restful(folder, "fun") as address:
        yield address


def told(address: str, path: str, body: str) -> str:
    """The error of a request that has nothing but one."""
    reply = ask(address, path, body)
    assert reply[:3] == (200, "Client", "application/json")
    [(key, text)] = reply.document.items()
    assert key == "error_msg", reply
    return str(text)


GOOD = '{"instances": {"x": 1}}'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "please check url, the keyword:[model] must contain."),
        ("/servable/fun:echo", "please check url, the keyword:[model] must contain."),
        ("/model/:echo", "please check url, the keyword:[model] must contain."),
        ("/model/fun", "please check url, the keyword:[service method] must contain."),
        ("/model/fun:", "please check url, the keyword:[service method] must contain."),
        (
            "/model/fun/version/x:echo",
            "please check url, the keyword:[version] value invalid, request version number x",
        ),
        (
            "/model/fun/version:echo",
            "please check url, the keyword:[version] value invalid, request version number echo",
        ),
        ("/model/fun/version/-1:echo", "please check url, version number range failed, request version number -1"),
        (
            "/model/fun/version/4294967295:echo",
            "please check url, version number range failed, request version number 4294967295",
        ),
        ("/model/none:echo", "Request servable(none) method(echo) , servable is not available"),
        ("/model/fun/version/7:echo", "Request servable(fun) method(echo)  version(7) , servable is not available"),
        ("/model/fun:none", "Request servable(fun) method(none) , method is not available"),
        ("/model/fun/version/1:none", "Request servable(fun) method(none)  version(1) , method is not available"),
        ("/model/fun:both", "Cannot find input x1 in instance input , servable fun, method both"),
    ],
)
def test_urls(address: str, path: str, text: str) -> None:
    assert told(address, path, GOOD) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{}", "key 'instances' expects to exist once, but actually 0 times"),
        ("[1]", "key 'instances' expects to exist once, but actually 0 times"),
        ('{"instances": []}', "instances value is array type, but no value"),
        ('{"instances": 1}', "instances no key mode is not supported"),
        ('{"instances": "text"}', "instances no key mode is not supported"),
        ('{"instances": null}', "instances no key mode is not supported"),
        ('{"instances": [{"x": 1}, 1]}', "json array, instance is not object type"),
        ('{"instances": [{}]}', "json array, instance is object type, but no value"),
        ('{"instances": {}}', "json object, value is empty"),
        ('{"instances": {"": 1}}', "string key is empty"),
    ],
)
def test_requests(address: str, body: str, text: str) -> None:
    assert told(address, "/model/fun:echo", body) == f"Parser request failed, {text}"


ALONE = "json object, only support scalar when data type is string or bytes, please check 'type' or 'shape'"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("null", "json value is null, it is not supported"),
        ("{}", "json object, value is empty"),
        (
            '{"b64": "", "type": "int8", "shape": [], "more": 1}',
            "json object, items size is more than 3, only support specified ['b64', 'type', 'shape']",
        ),
        ('{"b64": "", "dtype": "int8"}', "json object, key is not ['b64', 'type', 'shape'], fail key:dtype"),
        ('{"type": "int8"}', "json object, 'b64' should be specified only one time"),
        ('{"b64": "AA==", "type": 1}', "json object, key is 'type', value should be string type"),
        ('{"b64": "AA==", "type": "int4"}', "json object, specified type:'int4' is illegal"),
        ('{"b64": "AA==", "shape": 1}', "json object, key is 'shape', value should be array type"),
        ('{"b64": "AA==", "shape": [-1]}', "json object, key is 'shape', array value should be unsigned integer"),
        ('{"b64": "AA==", "shape": [1.0]}', "json object, key is 'shape', array value should be unsigned integer"),
        ('{"b64": "", "shape": [0, 1]}', "json object, key is 'shape', invalid shape value [0,1]"),
        ('{"b64": "AAE=", "shape": [2]}', ALONE),
        ('{"b64": "AAE=", "type": "str", "shape": [0]}', ALONE),
        (
            '{"b64": "AAEC", "type": "fp16", "shape": [2]}',
            "size is not matched, decode base64 size:3; Given info: type:float16; type size:2; element nums:2",
        ),
        ('{"b64": "AAE"}', "'AAE' is illegal b64 encode string"),
        ('{"b64": "AA=A"}', "decode base64 failed, size is not matched."),
        ('{"b64": 1}', "get scalar data failed, type is string, but json is not string type"),
        ("[]", "json array, shape is empty"),
        ("[[]]", "json array, data type is unknown"),
        ("[null]", "json array, data type is unknown"),
        ('["a", "b"]', "json array, string or bytes type only support one item"),
        ('[{"b64": "AA=="}, {"b64": "AA=="}]', "json array, string or bytes type only support one item"),
        (
            '[{"b64": "AA==", "type": "int8"}]',
            "json array, item is object type, object only support string or bytes type",
        ),
        ("[1, null]", "json array, data should be number, bool, string or bytes"),
        ("[1.0, 2]", "json array, elements type is not equal"),
        ("[1, true]", "json array, elements type is not equal"),
        ("[[1], 2]", "invalid json array: json type is not array"),
        ("[[1, 2], [3]]", "invalid json array: json size is 1, the dim 1 expected to be 2"),
    ],
)
def test_values(address: str, value: str, text: str) -> None:
    body = f'{{"instances": [{{"x": 1}}, {{"x": {value}}}]}}'
    assert told(address, "/model/fun:echo", body) == f"Parser request failed, {text}"


@pytest.mark.parametrize("value", ['[["text"]]', '{"b64": "AA==", "shape": [1, 1]}', '[[{"b64": "AA=="}]]'])
def test_text_and_bytes_stand_alone(address: str, value: str) -> None:
    assert told(address, "/model/fun:echo", f'{{"instances": {{"x": {value}}}}}') == (
        "Instances input x check failed, detail: Instance tensor check failed: bytes or string type input  shape can "
        "only be (1,) or empty, but given shape is [1, 1]"
    )


def test_a_body_that_is_no_json_is_told_where(address: str) -> None:
    assert told(address, "/model/fun:echo", '{"instances": x}').startswith("Illegal JSON format.")


def test_a_body_may_be_missing_or_too_large(address: str) -> None:
    assert told(address, "/model/fun:echo", "") == "http message invalid"
    limit = 2**20
    assert told(address, "/model/fun:echo", "1" * (limit + 1)) == f"http message is bigger than {limit}"
    assert told(address, "/model/fun:echo", "1" * limit).startswith("Parser request failed, ")


@pytest.mark.parametrize(
    ("path", "body", "start"),
    [
        ("/", "", "http message invalid"),
        ("/", "{", "Illegal JSON format."),
        ("/", "{}", "please check url"),
        ("/model/none:echo", "{}", "Parser request failed, key 'instances'"),
        ("/model/none:echo", '{"instances": {"x": null}}', "Parser request failed, json value is null"),
        ("/model/fun:none", '{"instances": {"x": null}}', "Parser request failed, json value is null"),
        ("/model/none:none", GOOD, "Request servable(none) method(none) , servable is not available"),
    ],
)
def test_of_several_errors_the_original_tells_this_one(address: str, path: str, body: str, start: str) -> None:
    assert told(address, path, body).startswith(start)


@pytest.fixture
def own() -> Iterator[str]:
    """An address for a server of this process, which is stopped."""
    yield f"127.0.0.1:{free_port()}"
    server.stop()


def refusal(**arguments: Any) -> str:
    with pytest.raises(RuntimeError) as raised:
        server.start_restful_server(**arguments)
    return str(raised.value)


def test_there_is_one_server_and_a_second_start_ends_everything(own: str) -> None:
    server.start_restful_server(own)
    assert refusal(address=f"127.0.0.1:{free_port()}") == "Serving Error: RESTful server is already running"
    with pytest.raises(ConnectionRefusedError):
        ask(own, "/", "")


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        failed = f"Serving Error: RESTful server start failed, bind to the socket address {address} failed"
        assert refusal(address=address).startswith(f"{failed}: Address already in use")


def test_certificates_that_are_none_are_named(own: str, tmp_path: Path) -> None:
    wrong = SSLConfig(str(tmp_path / "absent.crt"), str(tmp_path / "absent.key"))
    failed = f"Serving Error: RESTful server start failed, bind to the socket address {own} failed: "
    text = refusal(address=own, ssl_config=wrong)
    assert text.startswith(failed)
    assert str(tmp_path / "absent.crt") in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"address": 1}, "Parameter 'address' should be str, but actually <class 'int'>"),
        ({"address": ""}, "Parameter 'address' should not be empty str"),
        ({"address": "unix:x"}, "Serving Error: RESTful server does not support binding to unix domain socket"),
        (
            {"address": "localhost"},
            "Serving Error: The format of the RESTful server address 'localhost' is illegal",
        ),
        ({"max_msg_mb_size": 0}, "Parameter 'max_msg_mb_size' should be in range [1,512]"),
        ({"max_msg_mb_size": 513}, "Parameter 'max_msg_mb_size' should be in range [1,512]"),
        ({"max_msg_mb_size": 1.0}, "Parameter 'max_msg_mb_size' should be int, but actually <class 'float'>"),
        ({"ssl_config": "server.crt"}, "The type of ssl_config should be type of SSLConfig"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], text: str) -> None:
    assert refusal(**{"address": "127.0.0.1:1500", **arguments}) == text


def test_the_readiness_line_tells_the_address(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    server.start_restful_server(own)
    assert capsys.readouterr().out == f"{READY}{own}\n"


def test_older_releases_name_ip_and_port(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    ip, port = own.split(":")
    master.start_restful_server(ip, int(port))
    assert capsys.readouterr().out == f"Serving RESTful start success, listening on {own}\n"
    missing = "Request servable(fun) method(echo) , servable is not available"
    assert told(own, "/model/fun:echo", GOOD) == missing
    with pytest.raises(RuntimeError, match=r"Parameter 'restful_port' should be in range \[1,65535\]"):
        master.start_restful_server(ip, 0)


def test_after_a_stop_it_can_be_started_again(own: str) -> None:
    for _ in range(2):
        server.start_restful_server(own)
        assert told(own, "/model/fun:echo", GOOD).startswith("Request servable(fun)")
        server.stop()
