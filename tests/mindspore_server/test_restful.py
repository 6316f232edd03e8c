"""MindSpore Serving over HTTP, by `start_restful_server`: URLs, values and replies as its clients know them."""

import http.client
import json
import shutil
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mindspore_serving.client import Client

from .restful import ask, ask_again, curl, restful
from .scripts import serving

SERVABLE = """
import numpy as np

from mindspore_serving.server import register


def described(x):
    return repr(x) if isinstance(x, str) else f"{x.dtype} {x.shape} {x.tolist()}"


@register.register_method("y")
def seen(x):
    return register.add_stage(described, x, outputs_count=1)


def everything(_):
    return (
        np.array([np.nan, np.inf]), np.float16(1.5), np.array([[1.1, 1e20]], np.float32), np.uint64(2**64 - 1),
        True, "sch\\u00f6n", b"\\0\\xff", np.zeros((1, 0)), np.zeros(0, np.int8), -7,
    )


@register.register_method(["nan", "half", "float", "large", "bool", "text", "bytes", "row", "none", "Int"])
def outputs(x):
    return register.add_stage(everything, x, outputs_count=10)


def inverted(x):
    return 1 / int(x)


@register.register_method("y")
def inverse(x):
    return register.add_stage(inverted, x, outputs_count=1)


@register.register_method("y")
def echo(x):
    return x
"""


def put(folder: Path, name: str = "fun") -> Path:
    (folder / name).mkdir()
    (folder / name / "servable_config.py").write_text(SERVABLE)
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with restful(put(tmp_path_factory.mktemp("restful")), "fun") as address:
        yield address


def outcome(address: str, method: str, value: str) -> Any:
    """The output `y` of one instance whose `x` is this JSON, or why there is none."""
    document = ask(address, f"/model/fun:{method}", f'{{"instances": {{"x": {value}}}}}').document
    return document["error_msg"] if "error_msg" in document else document["instances"][0]["y"]


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("3", "int32 () 3"),
        ("-1", "int32 () -1"),
        ("4294967298", "int32 () 2"),
        ("1.5", "float32 () 1.5"),
        ("1e0", "float32 () 1.0"),
        ("true", "bool () True"),
        ('"text"', "'text'"),
        ('["text"]', "'text'"),
        ("[1, 2]", "int32 (2,) [1, 2]"),
        ("[[1.5], [2.0]]", "float32 (2, 1) [[1.5], [2.0]]"),
        ("[[true, false]]", "bool (1, 2) [[True, False]]"),
        ('{"b64": "AAE="}', "uint8 (2,) [0, 1]"),
        ('[{"b64": "AAE="}]', "uint8 (2,) [0, 1]"),
        ('{"b64": "AAE=", "type": "bytes", "shape": [1]}', "uint8 (2,) [0, 1]"),
        ('{"b64": "YWI=", "type": "str"}', "'ab'"),
        ('{"b64": "AAE=", "type": "int8", "shape": [2, 1]}', "int8 (2, 1) [[0], [1]]"),
        ('{"b64": "AQA=", "type": "int16"}', "int16 () 1"),
        ('{"b64": "AQA=", "type": "uint16", "shape": null}', "uint16 () 1"),
        ('{"b64": "AQAAAA==", "type": "int32", "shape": []}', "int32 () 1"),
        ('{"b64": "AQAAAA==", "type": "uint32"}', "uint32 () 1"),
        ('{"b64": "AQAAAAAAAAA=", "type": "int64"}', "int64 () 1"),
        ('{"b64": "AQAAAAAAAAA=", "type": "uint64"}', "uint64 () 1"),
        ('{"b64": "ADw=", "type": "fp16"}', "float16 () 1.0"),
        ('{"b64": "ADw=", "type": "float16"}', "float16 () 1.0"),
        ('{"b64": "AACAPw==", "type": "fp32"}', "float32 () 1.0"),
        ('{"b64": "AACAPw==", "type": "float32"}', "float32 () 1.0"),
        ('{"b64": "AAAAAAAA8D8=", "type": "fp64"}', "float64 () 1.0"),
        ('{"b64": "AAAAAAAA8D8=", "type": "float64"}', "float64 () 1.0"),
        ('{"b64": "AQA=", "type": "bool", "shape": [2]}', "bool (2,) [True, False]"),
        ('{"b64": "", "type": "uint8", "shape": [1, 0]}', "uint8 (1, 0) [[]]"),
    ],
)
def test_values_are_what_the_original_makes_of_them(address: str, value: str, seen: str) -> None:
    assert outcome(address, "seen", value) == seen


def test_outputs_are_written_as_the_original_writes_them(address: str) -> None:
    reply = ask(address, "/model/fun:outputs", '{"instances": {"x": 1}}')
    assert reply.text == (
        '{"instances":[{"Int":-7,"bool":true,"bytes":{"b64":"AP8="},"float":[[1.100000023841858,1.0000000200408773e+20]],'
        '"half":1.5,"large":18446744073709551615,"nan":[null,null],"none":[],"row":[[]],"text":"schön"}]}'
    )


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/model/fun:seen", True),
        ("/model/fun/version/1:seen", True),
        ("/model/fun/version/0:seen", True),
        ("/version/0/model/fun:seen", True),
        ("/a/model/fun/b:seen", True),
        ("/model/fun/version/1x:seen", True),
        ("/model/fun:seen?x=1", False),
        ("/model/fun:se%65n", False),
        ("/model/f%75n:seen", False),
        ("/model/fun/version/2:seen", False),
    ],
)
def test_urls_are_searched_for_words_and_not_decoded(address: str, path: str, seen: bool) -> None:
    assert ("instances" in ask(address, path, '{"instances": {"x": 1}}').document) == seen


def test_a_servable_with_version_in_its_name_needs_one_after_it(tmp_path: Path) -> None:
    with restful(put(tmp_path, "myversion"), "myversion") as address:
        told = "please check url, the keyword:[version] value invalid, request version number seen"
        assert ask(address, "/model/myversion:seen", '{"instances": {"x": 1}}').document == {"error_msg": told}


@pytest.mark.parametrize(
    ("path", "body"),
    [("/model/fun:seen", '{"instances": {"x": 1}}'), ("/model/fun:inverse", '{"instances": {"x": 0}}'), ("/", "{")],
)
def test_whatever_becomes_of_it_the_reply_has_the_same_head(address: str, path: str, body: str) -> None:
    assert ask(address, path, body)[:3] == (200, "Client", "application/json")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "image/png", ""])
def test_any_content_type_will_do(address: str, kind: str) -> None:
    reply = ask(address, "/model/fun:seen", '{"instances": {"x": 1}}', **{"content-type": kind})
    assert reply.document == {"instances": [{"y": "int32 () 1"}]}


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_than_post_get_the_error(address: str, verb: str) -> None:
    reply = ask(address, "/model/fun:seen", '{"instances": {"x": 1}}', verb)
    assert reply == (200, "Client", "application/json", '{"error_msg":"http message only support POST right now"}')


def test_head_gets_the_head_of_it(address: str) -> None:
    assert ask(address, "/model/fun:seen", None, "HEAD") == (200, "Client", "application/json", "")


def test_one_connection_takes_request_after_request_whatever_they_come_to(address: str) -> None:
    with closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        for body, key in (('{"instances": {"x": 1}}', "instances"), ("{", "error_msg"), ("", "error_msg")) * 3:
            assert key in ask_again(connection, "/model/fun:seen", body).document


DIVISION = "Call Function 'fun.inverted' Failed, method: 'inverse', stage index(begin with 1): 1, error msg: {}"


def test_instances_fail_one_by_one(address: str) -> None:
    reply = ask(address, "/model/fun:inverse", '{"instances": [{"x": 1}, {"x": 0}, {"x": 2, "other": 3}]}')
    told = DIVISION.format("division by zero")
    assert reply.document == {"instances": [{"y": 1.0}, {"error_msg": told}, {"y": 0.5}]}


def test_what_all_instances_share_is_told_once(address: str) -> None:
    for body in ('{"instances": [{"x": 0}, {"x": 0}]}', '{"instances": {"x": 0}}'):
        reply = ask(address, "/model/fun:inverse", body)
        assert reply.document == {"error_msg": DIVISION.format("division by zero")}


def test_nothing_else_is_spoken_there(address: str) -> None:
    told = {"error_msg": "please check url, the keyword:[model] must contain."}
    for path in ("/v2/health/live", "/metrics", "/servables/fun", "/v2/repository/index"):
        assert ask(address, path, '{"instances": {"x": 1}}').document == told
    reply = Client(address, "fun", "seen").infer({"x": 1})
    assert isinstance(reply, dict)
    assert reply["error"].startswith("Grpc Error, ")


def test_all_other_listeners_speak_it_too(tmp_path: Path) -> None:
    with serving(put(tmp_path), "fun") as address:
        assert outcome(address, "seen", "[1.0]") == "float32 (1,) [1.0]"


def test_curl_asks_as_the_documentation_does(address: str) -> None:
    body = json.dumps({"instances": [{"x": [[1.0, 2.0]]}]})
    done = curl("-X", "POST", "-d", body, f"http://{address}/model/fun:echo")
    assert done.stdout == '{"instances":[{"y":[[1.0,2.0]]}]}'


def test_numbers_come_back_as_they_were_sent(address: str) -> None:
    sent = np.random.default_rng(1).normal(size=(20, 30)).astype(np.float32)
    found = outcome(address, "echo", json.dumps(sent.astype(np.float64).tolist()))
    np.testing.assert_array_equal(np.array(found, np.float32), sent, strict=True)


class Secured:
    """A server with the tutorial's certificates, which clients reach as `localhost`."""

    def __init__(self, address: str, folder: Path, mutual: bool) -> None:
        self.url = f"https://localhost:{address.rpartition(':')[2]}/model/fun:echo"
        self.folder = folder
        self.mutual = mutual
        self.own = ("--cert", str(folder / "client.crt"), "--key", str(folder / "client.key")) if mutual else ()

    def curl(self, *arguments: str, authority: Path | None = None) -> Any:
        return curl("--cacert", str((authority or self.folder) / "ca.crt"), *arguments, "-d", BODY, self.url)


BODY = '{"instances": {"x": "hej"}}'
ECHOED = '{"instances":[{"y":"hej"}]}'


@pytest.fixture(scope="module", params=[False, True], ids=["tls", "mutual tls"])
def secured(
    request: pytest.FixtureRequest, certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secured]:
    folder = put(tmp_path_factory.mktemp("secured"))
    for file in certificates.iterdir():
        shutil.copy(file, folder)
    more = ', custom_ca="ca.crt", verify_client=True' if request.param else ""
    with restful(folder, "fun", f'server.SSLConfig("server.crt", "server.key"{more})') as address:
        yield Secured(address, folder, request.param)


def test_over_tls_clients_get_the_same_replies(secured: Secured) -> None:
    done = secured.curl(*secured.own)
    assert (done.returncode, done.stdout) == (0, ECHOED), done.stderr
    context = ssl.create_default_context(cafile=secured.folder / "ca.crt")
    if secured.mutual:
        context.load_cert_chain(secured.folder / "client.crt", secured.folder / "client.key")
    with urllib.request.urlopen(secured.url, BODY.encode(), timeout=30, context=context) as reply:
        assert (reply.status, reply.reason, reply.read().decode()) == (200, "Client", ECHOED)


def test_who_knows_another_authority_or_shows_a_wrong_certificate_gets_nothing(
    secured: Secured, strangers: Path
) -> None:
    wrong = [secured.curl(*secured.own, authority=strangers)]
    if secured.mutual:
        wrong.append(secured.curl())
        wrong.append(secured.curl("--cert", str(strangers / "client.crt"), "--key", str(strangers / "client.key")))
    for done in wrong:
        assert (done.returncode != 0, done.stdout) == (True, ""), done


def test_without_tls_a_server_that_wants_it_says_nothing(secured: Secured) -> None:
    done = curl("-d", BODY, secured.url.replace("https:", "http:"))
    assert (done.returncode != 0, done.stdout) == (True, "")
