"""What becomes of a lane's connection when one side is done with it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from salver.cluster.line import Line
from salver.cluster.wires import Wire, wire

LAST = b"the last answer"


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Wire, socket.socket]]:
    """A wire over TCP, and the other end of the connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        line = Line(*await asyncio.open_connection(*listener.getsockname()))
        far, _ = listener.accept()
    far.settimeout(10)
    made = wire(line)
    try:
        with far:
            yield made, far
    finally:
        made.drop()
        await asyncio.sleep(0)


async def finished_with_something_unread() -> bytes:
    async with connected() as (made, far):
        far.sendall(b"a batch that nobody takes any more")
        with socket.socket(fileno=os.dup(made.fileno())) as link:
            made.lent()
            link.recv(1)
            link.sendall(LAST)
        finishing = asyncio.create_task(made.finish())
        await asyncio.sleep(0)
        heard = far.recv(100)
        far.close()
        await finishing
        return heard


def test_a_link_that_has_ended_in_order_is_heard_to_its_end() -> None:
    assert asyncio.run(finished_with_something_unread()) == LAST


async def dropped_while_another_holds_it() -> bytes:
    async with connected() as (made, far):
        with socket.socket(fileno=os.dup(made.fileno())):
            made.drop()
            return far.recv(100)


def test_one_that_is_dropped_has_ended_whoever_else_holds_it() -> None:
    assert asyncio.run(dropped_while_another_holds_it()) == b""


def test_dropping_twice_is_no_harm() -> None:
    async def twice() -> None:
        async with connected() as (made, _):
            made.drop()
            made.drop()

    asyncio.run(twice())


def test_links_are_given_descriptors_that_block() -> None:
    async def given() -> bool:
        async with connected() as (made, _):
            with socket.socket(fileno=made.give()) as link:
                return os.get_blocking(link.fileno())

    assert asyncio.run(given())
