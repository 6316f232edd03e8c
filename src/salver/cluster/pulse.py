"""Signs of life: both sides say that they are there, and notice when the other one falls silent."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from salver.cluster.line import LONG, Line, LineClosed
from salver.workers.control import BrokenControl, Message


@dataclass(frozen=True)
class Beat:
    """How often one says that one is there, after what silence the other side is taken for gone, and by which clock."""

    every_s: float = 0.25
    gone_s: float = 1.0
    clock: Callable[[], float] = time.monotonic


class Pulse:
    """When the other side was last heard."""

    def __init__(self, beat: Beat) -> None:
        self._beat = beat
        self._heard = beat.clock()
        self._due = self._heard + beat.gone_s

    def heard(self) -> None:
        self._heard = self._beat.clock()

    def left_s(self) -> float:
        """For how long it may yet be silent; none is left once it is gone. To be asked when that time is up.

        Who asks late was not running, as a computer that sleeps: what was not heard meanwhile proves nothing.
        """
        now = self._beat.clock()
        if now > self._due + self._beat.every_s:
            self._heard = now
        left = max(0.0, self._heard + self._beat.gone_s - now)
        self._due = now + left
        return left


async def keep_up(line: Line, beat: Beat, hear: Callable[[Message], str | None], look: Callable[[], str | None]) -> str:
    """Exchange signs of life until the connection is of no use any more; why.

    `hear` is given everything else that is said, and `look` is asked with every sign of life; each may give a reason
    to end.
    """
    pulse = Pulse(beat)
    parts = (_live(line, beat, look), _watch(pulse, beat), _listen(line, pulse, hear))
    return await _first(*parts)


async def _live(line: Line, beat: Beat, look: Callable[[], str | None]) -> str:
    while (reason := look()) is None:
        try:
            await line.say("alive")
        except LineClosed as error:
            return str(error)
        await asyncio.sleep(beat.every_s)
    return reason


async def _watch(pulse: Pulse, beat: Beat) -> str:
    while left := pulse.left_s():
        await asyncio.sleep(left)
    return f"it was silent for {beat.gone_s:g} s"


async def _listen(line: Line, pulse: Pulse, hear: Callable[[Message], str | None]) -> str:
    while True:
        try:
            message = await line.hear(LONG)
        except (LineClosed, BrokenControl) as error:
            return str(error)
        pulse.heard()
        reason = None if message.say == "alive" else hear(message)
        if reason is not None:
            return reason


async def _first(*parts: Coroutine[Any, Any, str]) -> str:
    """What the first of them gives; the others are cancelled."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
