"""Servables that are Python, as their callers and their authors meet them."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
from support.http import Reply, post
from support.protocols import PROTOCOLS, Refused
from support.waiting import until

from salver.testing.server import Server, running


@pytest.fixture(scope="module")
def server(authored: Path) -> Iterator[Server]:
    with running(authored) as server:
        yield server


@pytest.fixture
def address(server: Server) -> str:
    return server.address


# Outputs that are dictionaries are documents, which only JSON shows as such.
FORMS: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = [
    (
        "forms.add",
        [{"x1": np.full((2, 2), i, np.float32), "x2": np.ones((2, 2), np.float32)} for i in range(3)],
        [{"output": [[i + 1.0] * 2] * 2} for i in range(3)],
    ),
    ("forms.shapes", [{"x": np.zeros(3, np.float32)}, {"x": np.ones(3, np.float32)}], [{"output": 3}, {"output": 3}]),
    ("forms.shout", [{"text": "ada"}, {"text": "schön"}], [{"output": "ADAADA"}, {"output": "SCHÖNSCHÖN"}]),
    ("forms.shout", [{"text": "a", "times": 3}, {"text": "b", "times": 1}], [{"output": "AAA"}, {"output": "B"}]),
    ("forms.around", [{"x": np.array([i, 1], np.float32)} for i in (2, 5)], [{"output": 2.0}, {"output": 5.0}]),
    ("forms.nested", [{"x": np.array([i, 1], np.float32)} for i in (2, 5)], [{"output": [8, 4]}, {"output": [20, 4]}]),
    ("forms.backwards", [{"data": b"\x00\xff"}, {"data": b"abc"}], [{"output": b"\xff\x00"}, {"output": b"cba"}]),
    (
        "forms.pair",
        [{"x": np.int32(1)}, {"x": np.int32(5)}],
        [{"output_0": 2, "output_1": "1 + 1"}, {"output_0": 6, "output_1": "5 + 1"}],
    ),
    ("forms.named", [{"x": 3}, {"x": -4}], [{"total": 30, "words": "3"}, {"total": -40, "words": "-4"}]),
    ("forms.sides", [{"x": 1.5, "y": 2.5}], [{"left": -1.5, "right": 2.5}]),
    (
        "forms.document",
        [{"dish": {"b": [1, None], "a": "x"}}, {"dish": {"ö": {"c": True}}}],
        [{"output": {"keys": ["a", "b"], "first": "x"}}, {"output": {"keys": ["ö"], "first": {"c": True}}}],
    ),
    ("forms.wait", [{"text": "a"}, {"text": "b"}], [{"output": "later: a"}, {"output": "later: b"}]),
    ("forms.wait_together", [{"x": 3}, {"x": 4}], [{"output": 2}, {"output": 3}]),
    ("forms.place", [{"name": "pan"}], [{"output": "pan on cpu"}]),
    ("forms.place", [{"name": "pan", "loud": True}], [{"output": "PAN ON CPU"}]),
    ("forms.doubled", [{"x": np.ones((2, 1), np.float32)}], [{"output": [[2], [2]]}]),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("target", "rows", "wanted"), FORMS, ids=[f"{form[0]} {sorted(form[1][0])}" for form in FORMS])
def test_every_form_gives_the_same_rows_by_every_protocol(
    address: str, protocol: str, target: str, rows: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> None:
    given = PROTOCOLS[protocol](address, target, rows)
    assert [_like(row, wish) for row, wish in zip(given, wanted, strict=True)] == wanted


def _like(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the wanted one is written: text decoded, documents parsed."""
    assert row.keys() == wanted.keys()
    return {name: _read(value, wanted[name]) for name, value in row.items()}


def _read(value: Any, wanted: Any) -> Any:
    if isinstance(value, bytes) and isinstance(wanted, dict):
        return json.loads(value)
    return value.decode() if isinstance(value, bytes) and isinstance(wanted, str) else value


def test_rows_that_leave_out_an_input_and_rows_that_do_not_may_come_in_one_request(address: str) -> None:
    rows = [{"text": "a"}, {"text": "b", "times": 1}, {"text": "c", "times": None}, {"text": "d"}]
    assert post(address, "/servables/forms/shout", rows).json == [{"output": text} for text in ("AA", "B", "CC", "DD")]


def test_shapes_that_differ_are_batches_of_their_own(address: str) -> None:
    rows = [{"x": [1]}, {"x": [1, 2, 3]}, {"x": []}, {"x": [1, 2, 3]}]
    assert [row["output"] for row in post(address, "/servables/forms/shapes", rows).json] == [1, 3, 0, 3]


def test_the_default_method_is_the_first_one(address: str) -> None:
    matrix = [[1, 2], [3, 4]]
    assert post(address, "/servables/forms", {"x1": matrix, "x2": matrix}).json == {"output": [[2, 4], [6, 8]]}


# Errors

JSON_CODES = {"INVALID_ARGUMENT": 400, "INTERNAL": 500}


@pytest.mark.parametrize(
    ("method", "x", "code", "text"),
    [
        ("pick", -3, "INVALID_ARGUMENT", "Function 'moods.choosy', stage 1 of method 'pick', failed: -3 is negative"),
        ("pick", 0, "INTERNAL", "Function 'moods.choosy', stage 1 of method 'pick', failed: ZeroDivisionError: "),
        ("choosy_batch", -3, "INVALID_ARGUMENT", "failed: -3 is negative"),
        ("fragile", 0, "INTERNAL", "failed: ZeroDivisionError: there is a zero"),
        ("wrong_dtype", 1, "INTERNAL", "wrong_dtype() gave float64[1] as 'output', but promised float32[1]"),
        ("wrong_shape", 1, "INTERNAL", "wrong_shape() gave float32[1, 3] as 'output', but promised float32[1, 2]"),
        ("wrong_count", 1, "INTERNAL", "wrong_count() gave int64[0] as 'output', but promised int64[1]"),
        ("nothing", 1, "INTERNAL", "nothing() gave nothing as 'output', but promised int64[1]"),
    ],
)
def test_failures_name_whose_fault_they_are_in_every_protocol(
    address: str, method: str, x: int, code: str, text: str
) -> None:
    reply = post(address, f"/servables/moods/{method}", {"x": x})
    assert (reply.status, reply.json["error"]["code"]) == (JSON_CODES[code], code)
    assert text in reply.json["error"]["message"]
    for protocol, call in PROTOCOLS.items():
        with pytest.raises(Refused) as failed:
            call(address, f"moods.{method}", [{"x": x}])
        assert {"INVALID_ARGUMENT": "caller", "INTERNAL": "server"}[code] in failed.value.kinds, protocol
        assert text.rpartition("failed: ")[2] in str(failed.value), protocol


# (method, the x that it fails for, what it gives for 7, which rows fail): of a function that names no row, one is found
FRAGILE = [("pick", -1, 14, {2, 5}), ("pick", 0, 14, {2, 5}), ("choosy_batch", -1, 7, {2, 5}), ("fragile", 0, 14, {5})]


@pytest.mark.parametrize(("method", "bad", "good", "failing"), FRAGILE)
def test_a_row_that_fails_fails_alone(address: str, method: str, bad: int, good: int, failing: set[int]) -> None:
    rows = [{"x": bad if row in failing else 7} for row in range(9)]
    outputs = post(address, f"/servables/moods/{method}", rows).json
    assert [row.get("output") for row in outputs] == [None if row in failing else good for row in range(9)]
    assert all("error" in outputs[row] for row in failing)


@pytest.mark.parametrize(("method", "bad", "good", "failing"), FRAGILE)
def test_a_row_that_fails_does_no_harm_to_other_callers(
    address: str, method: str, bad: int, good: int, failing: set[int]
) -> None:
    replies: dict[int, Reply] = {}

    def call(number: int) -> None:
        replies[number] = post(address, f"/servables/moods/{method}", {"x": bad if number in failing else 7})

    at_once([partial(call, number) for number in range(20)])
    assert {number for number, reply in replies.items() if reply.status != 200} == failing
    assert all(reply.json == {"output": good} for number, reply in replies.items() if number not in failing)


def at_once(calls: Sequence[Callable[[], None]]) -> None:
    callers = [threading.Thread(target=call) for call in calls]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


# What a method may know about a call


def about(address: str, headers: Mapping[str, str], timeout: float | None = None) -> dict[str, Any]:
    """What a call over KServe's gRPC with these headers is told about itself."""
    key = triton_grpc.InferInput("key", [1], "BYTES")
    key.set_data_from_numpy(np.array([b"x-guest"], object))
    parameters = {"heat": 3, "dish": "soup"}
    with triton_grpc.InferenceServerClient(address) as client:
        result = client.infer("calls.about", [key], headers=headers, client_timeout=timeout, parameters=parameters)
    told: dict[str, Any] = json.loads(result.as_numpy("output")[0])
    return told


def test_a_method_knows_metadata_parameters_and_deadline(address: str) -> None:
    told = about(address, {"x-guest": "ada"}, timeout=20)
    assert told["metadata"] == "ada"
    assert told["parameters"] == {"heat": 3, "dish": "soup"}
    # gRPC's clients round time-outs up, to a tenth of a second in this range.
    assert 0 < told["deadline"] <= 20.2
    assert not told["cancelled"]
    assert told["device"] == "oven"


def test_over_http_headers_are_metadata(address: str) -> None:
    for target in ("/servables/calls/about", "/servables/calls/versions/1/about"):
        told = post(address, target, {"key": "x-guest"}, {"X-Guest": "bob"}).json["output"]
        assert (told["metadata"], told["deadline"], told["parameters"]) == ("bob", None, {})


def test_each_row_of_a_batch_has_its_own_caller(address: str) -> None:
    replies: dict[str, Any] = {}

    def call(guest: str) -> None:
        rows = [{"key": "x-guest"}] * 2
        replies[guest] = post(address, "/servables/calls/who", rows, {"X-Guest": guest}).json

    at_once([partial(call, f"guest {number}") for number in range(8)])
    assert replies == {guest: [{"output": guest}] * 2 for guest in replies}
    assert len(replies) == 8


# Sequences


def events(address: str, target: str, row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    reply = post(address, f"/servables/{target}", row, {"Accept": "text/event-stream"})
    assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream"), reply.body
    found = []
    for event in reply.body.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in event.splitlines())
        found.append((lines.get("event", "message"), json.loads(lines["data"])))
    return found


@pytest.mark.parametrize(
    ("target", "row", "wanted"),
    [
        ("forms/count", {"up_to": 3}, [{"output": 0}, {"output": 1}, {"output": 2}]),
        ("forms/count", {"up_to": 0}, []),
        ("forms/spell", {"word": "hä"}, [{"total": 0, "words": "h"}, {"total": 1, "words": "ä"}]),
        ("forms/shout", {"text": "a"}, [{"output": "AA"}]),
    ],
)
def test_a_sequence_comes_as_events(address: str, target: str, row: Mapping[str, Any], wanted: list[Any]) -> None:
    assert events(address, target, row) == [*(("message", item) for item in wanted), ("done", {})]


def test_a_sequence_cannot_be_one_answer(address: str) -> None:
    reply = post(address, "/servables/forms/count", {"up_to": 3})
    assert reply.status == 501
    assert "answers with a sequence" in reply.json["error"]["message"]
    assert "text/event-stream" in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("method", "row", "end"),
    [
        ("count", {"up_to": 10**12}, "the end of counting to 1000000000000"),
        ("spell", {"word": "x" * 10**6}, "the end of spelling 1000000 letters"),
    ],
)
def test_a_sequence_ends_when_its_caller_leaves(
    server: Server, address: str, method: str, row: Mapping[str, Any], end: str
) -> None:
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request("POST", f"/servables/forms/{method}", json.dumps(row), {"Accept": "text/event-stream"})
    reply = connection.getresponse()
    assert reply.read(6) == b"data: "
    assert end not in server.output
    reply.close()
    connection.close()
    until(lambda: f"[forms/1 worker 0] {end}\n" in server.output)


# What authors see


def test_what_a_servable_prints_arrives_with_its_name(server: Server, address: str) -> None:
    post(address, "/servables/calls/about", {"key": "x-printed"})
    until(lambda: "[calls/1 worker 0] asked for x-printed\n" in server.output)


def test_the_traceback_of_a_surprise_is_in_the_log(server: Server, address: str) -> None:
    post(address, "/servables/moods/pick", {"x": 0})
    until(lambda: "[moods/1 worker 0] ZeroDivisionError: " in server.output)
    assert "[moods/1 worker 0]   File " in server.output
    assert "line 13, in choosy" in server.output
