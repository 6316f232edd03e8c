"""Who may come through a gate, and what those cost who may not."""

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.waiting import until
from workers.programs import servable

from cluster.gates import MANIFEST, Opened, hello, member, opened
from salver.authoring.manifest import Lane, Manifest
from salver.authoring.spec import Policy
from salver.cluster.greeting import Purpose, Refused
from salver.cluster.greeting import heard as heard_by_worker
from salver.cluster.greeting import knock as knock_as_worker
from salver.cluster.hello import Hello, hello_from
from salver.cluster.keys import Keys
from salver.cluster.line import LONG, Line, LineClosed
from salver.cluster.membership import NotJoined
from salver.cluster.pulse import Beat
from salver.cluster.reception import Limits
from salver.workers.control import LINK_VERSION

TOKEN = b"a token of some length"
ROW = {"x": [1.0, 2.0]}
DOUBLED = {"y": [2.0, 4.0]}


def framed(**fields: object) -> bytes:
    body = json.dumps(fields).encode()
    return len(body).to_bytes(4, "big") + body


def knock(**other: object) -> bytes:
    said = {"say": "knock", "link": LINK_VERSION, "kind": "control", "join": "", "lane": 0, "nonce": "00"}
    return framed(**(said | other))


def connected(gate: Opened) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gate.port), timeout=30)


def ended(stranger: socket.socket) -> bool:
    """Whether the gate has closed the connection, whatever it said before."""
    try:
        while stranger.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def heard(stranger: socket.socket) -> dict[str, Any]:
    length = int.from_bytes(stranger.recv(4, socket.MSG_WAITALL), "big")
    said: dict[str, Any] = json.loads(stranger.recv(length, socket.MSG_WAITALL))
    return said


def test_a_worker_serves_until_it_goes() -> None:
    with opened() as gate:
        with member(gate.way()):
            assert gate.board.caller("predict", ROW) == DOUBLED
        until(lambda: not gate.board.served)
        assert gate.board.caller("predict", ROW)["error"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        bytes.fromhex("16030100c8010000c40303"),
        b"\0\0\0\4{{{{",
        b"\0\0\0\2[]",
        framed(say="hello", manifest="{}"),
        framed(say="knock"),
        framed(say=1),
        knock(kind="door"),
        knock(nonce=None),
        knock(lane="first"),
        knock() + framed(say="proof", proof=7),
        knock() + framed(say="proof", proof="\N{SNOWMAN}"),
        b"\0\0\3\xe8" + b"[" * 1000,
        b"\0\0\xff\xff" + b"x" * 100_000,
    ],
)
def test_what_no_worker_says_ends_the_connection_and_costs_nobody_else_anything(garbage: bytes) -> None:
    with opened(Keys(TOKEN)) as gate, member(gate.way(Keys(TOKEN))), connected(gate) as stranger:
        stranger.sendall(garbage)
        assert ended(stranger)
        assert gate.board.caller("predict", ROW) == DOUBLED


def test_who_says_nothing_or_little_has_to_go_in_time() -> None:
    with opened(limits=Limits(greeting_s=0.2)) as gate, connected(gate) as silent, connected(gate) as slow:
        slow.sendall(knock()[:5])
        assert ended(silent)
        assert ended(slow)


def test_where_there_are_too_many_strangers_the_oldest_goes_and_a_worker_still_comes_through() -> None:
    with opened(limits=Limits(strangers=3, greeting_s=30)) as gate:
        strangers = [connected(gate) for _ in range(10)]
        assert all(ended(stranger) for stranger in strangers[:7])
        with member(gate.way()):
            assert gate.board.caller("predict", ROW) == DOUBLED
        for stranger in strangers:
            stranger.close()


def test_a_proof_is_good_for_one_connection_only() -> None:
    with opened(Keys(TOKEN)) as gate, connected(gate) as first, connected(gate) as second:
        for stranger in (first, second):
            stranger.sendall(knock())
            assert heard(stranger)["say"] == "challenge"
        with member(gate.way(Keys(TOKEN))):
            stranger.sendall(framed(say="proof", proof="00" * 32))
            assert heard(second)["say"] == "refused"


@pytest.mark.parametrize(("server", "worker"), [(TOKEN, b""), (b"", TOKEN), (TOKEN, TOKEN + b"!")])
def test_who_knows_another_token_is_refused(server: bytes, worker: bytes) -> None:
    told = "its token is another one, or missing"
    with opened(Keys(server)) as gate, pytest.raises(NotJoined, match=told), member(gate.way(Keys(worker))):
        pass


def test_who_speaks_another_version_is_told_so() -> None:
    with opened() as gate, connected(gate) as stranger:
        stranger.sendall(knock(link=99))
        assert heard(stranger) == {
            "say": "refused",
            "what": f"it speaks version 99 of the link, the server {LINK_VERSION}",
            "remedy": "install the same release of salver on both sides",
        }


def with_policy(rows: int) -> Callable[[Manifest], Manifest]:
    """The same with another batch policy."""

    def change(own: Manifest) -> Manifest:
        [stage] = own.servable.stages
        stages = (replace(stage, policy=Policy(max_batch_size=rows)),)
        return replace(own, servable=replace(own.servable, stages=stages))

    return change


def another(change: Callable[[Manifest], Manifest]) -> Hello:
    return hello("other", change(MANIFEST))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (another(lambda own: replace(own, lanes=())), "does not hold together"),
        (another(lambda own: replace(own, lanes=(Lane((0,)), Lane((1,))))), "does not hold together"),
        (another(lambda own: replace(own, lanes=(Lane((0,), slots=0),))), "does not hold together"),
        (another(lambda own: replace(own, run_timeout_s=0)), "does not hold together"),
        (another(lambda own: replace(own, lanes=(Lane((0,)),) * 2000)), "does not hold together"),
        (another(lambda own: replace(own, servable=replace(own.servable, name=""))), "does not hold together"),
        (another(lambda own: replace(own, servable=replace(own.servable, name="a\nb"))), "does not hold together"),
        (another(lambda own: replace(own, servable=replace(own.servable, version=0))), "does not hold together"),
        (another(lambda own: replace(own, servable=servable("own"))), "the server itself serves version 1 of 'own'"),
        (
            another(with_policy(7)),
            "version 1 of 'double' is another servable for the workers that run it already: its stages differ",
        ),
    ],
)
def test_who_says_what_cannot_be_served_is_refused(said: Hello, told: str) -> None:
    with opened() as gate, member(gate.way()):
        gate.board.own = [("own", 1)]
        with pytest.raises(NotJoined, match=told), member(gate.way(), said):
            pass
        assert gate.board.caller("predict", ROW) == DOUBLED


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"manifest": "{}", "worker": "w", "label": ""},
        {"manifest": "[" * 100_000, "worker": "w", "label": ""},
        {"manifest": MANIFEST.to_json().replace('"lanes": [', '"lanes": [7, '), "worker": "w", "label": ""},
        {"manifest": MANIFEST.to_json().replace('"slots": 2', '"slots": "two"'), "worker": "w", "label": ""},
    ],
)
def test_a_hello_that_no_release_says_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        hello_from(fields)


def test_a_hello_is_read_as_it_was_said_but_for_what_cannot_be_printed() -> None:
    assert hello_from(hello().fields()) == hello()
    assert hello_from(hello().fields() | {"label": "a\nb"}).label == "a?b"


def test_another_servable_may_take_the_place_of_one_whose_workers_are_gone() -> None:
    with opened() as gate:
        with member(gate.way()):
            pass
        until(lambda: gate.board.left)
        with member(gate.way(), another(with_policy(7))):
            assert gate.board.caller("predict", ROW) == DOUBLED


def test_a_worker_that_comes_back_before_its_loss_was_noticed_takes_its_own_place() -> None:
    with opened(beat=Beat(every_s=0.05, gone_s=60)) as gate, member(gate.way()) as first, member(gate.way()):
        assert first.ended()
        assert gate.board.caller("predict", ROW) == DOUBLED


async def _half_joined(port: int) -> None:
    """Join, bring no lane, and wait for the end."""
    line = Line(*await asyncio.open_connection("127.0.0.1", port))
    try:
        await knock_as_worker(line, b"", Purpose("control"))
        await line.say("hello", **hello("half").fields())
        await heard_by_worker(line, "accepted")
        await line.hear(LONG)
    finally:
        line.abort()


def test_a_worker_whose_lanes_never_come_keeps_nobody_waiting() -> None:
    with opened(limits=Limits(joining_s=0.2)) as gate, member(gate.way()):
        with pytest.raises(LineClosed):
            asyncio.run(_half_joined(gate.port))
        assert gate.board.caller("predict", ROW) == DOUBLED


async def _brought(port: int) -> None:
    line = Line(*await asyncio.open_connection("127.0.0.1", port))
    try:
        await knock_as_worker(line, b"", Purpose("lane", "of nobody", 0))
        await heard_by_worker(line, "nothing")
    finally:
        line.abort()


def test_a_lane_that_nobody_waits_for_is_refused() -> None:
    with opened() as gate, pytest.raises(Refused, match="nobody waits for its lane 0"):
        asyncio.run(_brought(gate.port))


def test_after_it_was_shut_nobody_comes_through() -> None:
    with opened() as gate:
        gate.gate.shut()
        with pytest.raises(NotJoined, match="the server is stopping"), member(gate.way()):
            pass
