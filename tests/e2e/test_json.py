"""Plain JSON, as anybody sends it."""

import json
import math
import subprocess

import pytest
from support.http import get, post, request

TWOS = [[2.0, 2.0], [2.0, 2.0]]
ONES = [[1.0, 1.0], [1.0, 1.0]]


def test_one_row_is_an_object_and_several_are_an_array(address: str) -> None:
    row = {"x1": ONES, "x2": ONES}
    assert post(address, "/servables/add_rows", row).json == {"y": TWOS}
    assert post(address, "/servables/add_rows", [row] * 3).json == [{"y": TWOS}] * 3
    assert post(address, "/servables/add", [row] * 3).json == [{"y": TWOS}] * 3


@pytest.mark.parametrize(
    ("path", "factor"),
    [("scaled", 2), ("scaled/predict", 2), ("scaled/versions/1", 1), ("scaled/versions/1/predict", 1)],
)
def test_the_path_may_name_version_and_method(address: str, path: str, factor: int) -> None:
    assert post(address, f"/servables/{path}", {"x": [1, 3]}).json == {"y": [factor, 3 * factor]}


def test_curl_needs_no_more_than_the_address_and_the_row(address: str) -> None:
    command = ["curl", "-s", f"http://{address}/servables/add", "-d", json.dumps({"x1": ONES, "x2": ONES})]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=30)
    assert json.loads(ran.stdout) == {"y": TWOS}


def test_the_rows_of_an_array_fail_one_by_one(address: str) -> None:
    reply = post(address, "/servables/scaled", [{"x": [1, 2]}, {"x": [1, 2, 3]}, {"x": [3, 4]}])
    assert reply.status == 200
    good, bad, last = reply.json
    assert (good, last) == ({"y": [2, 4]}, {"y": [6, 8]})
    assert "has shape [3], but [2] is expected" in bad["error"]["message"]


def test_text_goes_in_and_out(address: str) -> None:
    assert post(address, "/servables/text", [{"x": "schön"}, {"x": ""}]).json == [{"y": "schön"}, {"y": ""}]


def test_a_raw_body_is_the_only_input(address: str) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    assert post(address, "/servables/text", "schön".encode(), headers).json == {"y": "schön"}


def test_a_form_has_one_field_for_every_input(address: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nhello\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert post(address, "/servables/text", body, headers).json == {"y": "hello"}


def test_numbers_that_json_cannot_say_are_null(address: str) -> None:
    huge = 3e38
    assert post(address, "/servables/scaled", {"x": [huge, 1]}).json == {"y": [None, 2]}


def test_numbers_come_back_with_the_digits_they_need(address: str) -> None:
    reply = post(address, "/servables/scaled/versions/1", {"x": [0.1, 1e-7]})
    assert reply.body == b'{"y":[0.1,1e-7]}'
    assert math.isclose(reply.json["y"][0], 0.1)


def test_the_listing_names_everything_that_is_served(address: str) -> None:
    servables = {each["name"]: each for each in get(address, "/servables").json["servables"]}
    assert [each["version"] for each in servables["scaled"]["versions"]] == [2, 1]
    [add] = servables["add"]["versions"]
    assert (add["state"], add["runtime"], add["default_method"]) == ("ready", "onnx", "predict")
    assert add["methods"][0]["inputs"][0] == {"name": "x1", "dtype": "float32", "shape": [2, 2]}
    assert add["stages"][0]["why_not"] == "input 'x1' has the fixed leading dimension 2"
    assert get(address, "/servables/add").json == servables["add"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("POST", "nowhere", {"x": [1, 2]}, 404, "there is no servable 'nowhere'"),
        ("POST", "scaled/versions/9", {"x": [1, 2]}, 404, "has no version 9"),
        ("POST", "scaled/versions/new", {"x": [1, 2]}, 404, "has no version new"),
        ("POST", "scaled/forget", {"x": [1, 2]}, 404, "has no method 'forget'"),
        ("POST", "scaled", b"", 400, "malformed"),
        ("POST", "scaled", b'{"x": [1, 2}', 400, "malformed"),
        ("POST", "scaled", b'{"x": [1, 2]} more', 400, "malformed"),
        ("POST", "scaled", b"[" * 10_000, 400, "malformed"),
        ("POST", "scaled", [], 400, "at least one row"),
        ("POST", "scaled", {}, 400, "'x'"),
        ("POST", "scaled", {"z": [1, 2]}, 400, "'z'"),
        ("POST", "scaled", {"x": [1, 2], "z": 1}, 400, "has no input 'z'"),
        ("POST", "scaled", b'{"x": [1, 2], "x": [3, 4]}', 400, "more than once"),
        ("POST", "scaled", {"x": [1, 2, 3]}, 400, "has shape [3], but [2] is expected"),
        ("POST", "scaled", {"x": 1}, 400, "has shape [], but [2] is expected"),
        ("POST", "scaled", {"x": [[1, 2], [3]]}, 400, "'x'"),
        ("POST", "scaled", {"x": ["one", "two"]}, 400, "'x'"),
        ("POST", "scaled", {"x": [1, None]}, 400, "'x'"),
        ("POST", "identity_int8", {"x": [1, 2, 300]}, 400, "'x'"),
        ("POST", "identity_int32", {"x": [1, 2, 0.5]}, 400, "'x'"),
        ("POST", "identity_uint8", {"x": [1, 2, -1]}, 400, "'x'"),
        ("POST", "text", {"x": 1}, 400, "'x'"),
        ("PUT", "scaled", {"x": [1, 2]}, 405, "POST"),
    ],
)
def test_bad_calls_are_told_what_was_expected_and_the_server_goes_on(
    address: str, method: str, path: str, body: object, status: int, text: str
) -> None:
    reply = request(address, method, f"/servables/{path}", body)
    assert (reply.status, text) == (status, text if text in reply.body.decode() else reply.body.decode())
    assert post(address, "/servables/scaled", {"x": [1, 2]}).json == {"y": [2, 4]}


def test_text_that_is_not_utf_8_is_refused_for_a_model_of_text(address: str) -> None:
    reply = post(address, "/servables/text", b"\xff", {"Content-Type": "application/octet-stream"})
    assert 400 <= reply.status <= 500
    assert "UTF-8" in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nothing", 404), ("/v2/nothing", 404), ("/servables/nowhere", 404), ("/servables/a/b/c/d", 400)],
)
def test_unknown_paths_are_refused(address: str, path: str, status: int) -> None:
    assert get(address, path).status == status
