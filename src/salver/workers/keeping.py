"""A worker's seat is kept filled, whatever its worker is."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

from salver.problems import Unusable
from salver.workers.backoff import Backoff


@dataclass(frozen=True)
class Seat:
    """`lost` waits for the end of the worker, and tells how it came; `fill` begins another, or raises Unusable."""

    label: str
    lost: Callable[[], Awaitable[str]]
    fill: Callable[[], Awaitable[None]]
    unfilled: str
    """How a failure to fill it is told, after the label."""


async def keep(seat: Seat, backoff: Backoff, say: Callable[[str], None]) -> NoReturn:
    """Fill a seat again, for ever, whenever its worker ends. It has just been filled."""
    clock = asyncio.get_running_loop().time
    failures = 0
    while True:
        began = clock()
        how = await seat.lost()
        failures = backoff.failures(failures, clock() - began)
        while not await _filled(seat, how, backoff.delay_s(failures), say):
            how, failures = seat.unfilled, failures + 1


async def _filled(seat: Seat, how: str, delay_s: float, say: Callable[[str], None]) -> bool:
    say(f"salver: {seat.label} {how}; it is started again in {delay_s:g} s")
    await asyncio.sleep(delay_s)
    try:
        await seat.fill()
    except Unusable as error:
        say(f"salver: {error.problem}")
        return False
    say(f"salver: {seat.label} serves again")
    return True
