"""The wrapper for event loops, against servers of grpcio's own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from support.grpc_server import EchoStub, serving

from salver.client import AsyncServiceClient, CallFailed, Retry
from salver.client.errors import Unavailable

RETRY = Retry(attempts=4, first_s=0.001, longest_s=0.002)


def count(request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
    yield from (b"%d" % number for number in range(int(request)))


async def sent(*requests: bytes) -> AsyncIterator[bytes]:
    for request in requests:
        yield request


async def everything(replies: AsyncIterator[Any]) -> list[Any]:
    return [reply async for reply in replies]


def test_rpcs_of_all_kinds_are_under_their_names() -> None:
    async def call(port: int) -> None:
        async with AsyncServiceClient(EchoStub, "127.0.0.1", port) as echo:
            assert await echo.Say(b"hello") == b"HELLO"
            assert await everything(echo.Count(b"3")) == [b"0", b"1", b"2"]
            assert await echo.Join(sent(b"a", b"b")) == b"a b"
            assert await everything(echo.Chat(sent(b"a", b"b"))) == [b"a", b"b"]

    with serving(
        Say=lambda request, _: request.upper(),
        Count=count,
        Join=lambda requests, _: b" ".join(requests),
        Chat=lambda requests, _: requests,
    ) as port:
        asyncio.run(call(port))


def test_a_server_that_is_not_there_is_waited_for() -> None:
    told: list[str] = []

    async def call() -> None:
        options: dict[str, Any] = {"ready_timeout": 0.2, "progress": lambda _, why: told.append(why)}
        with pytest.raises(Unavailable, match=r"within 0\.2 s"):
            async with AsyncServiceClient(EchoStub, "127.0.0.1", 1, **options):
                pass

    asyncio.run(call())
    assert told


@pytest.mark.parametrize(("idempotent", "calls"), [(True, 3), (False, 1)])
@pytest.mark.parametrize("rpc", ["Say", "Count"])
def test_calls_are_tried_again_where_that_is_safe(rpc: str, idempotent: bool, calls: int) -> None:
    made: list[bytes] = []

    def say(request: bytes, context: grpc.ServicerContext) -> bytes:
        made.append(request)
        if len(made) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return request

    async def call(port: int) -> None:
        async with AsyncServiceClient(EchoStub, "127.0.0.1", port, retry=RETRY) as echo:
            answer = getattr(echo, rpc)(b"a", idempotent=idempotent)
            assert await (everything(answer) if rpc == "Count" else answer) in (b"a", [b"a"])

    with serving(Say=say, Count=lambda request, context: iter([say(request, context)])) as port:
        if idempotent:
            asyncio.run(call(port))
        else:
            with pytest.raises(CallFailed, match=f"{rpc} failed with UNAVAILABLE: not now"):
                asyncio.run(call(port))
    assert len(made) == calls
