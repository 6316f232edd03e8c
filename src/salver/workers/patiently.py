"""Waiting for a worker that takes its time: not silently, and not for ever."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from salver.workers.orders import Patience

T = TypeVar("T")


class TooSlow(Exception):
    """What was waited for did not come in time; the text says so, to follow its name."""


async def patiently(
    waited_for: Coroutine[Any, Any, T], doing: str, label: str, patience: Patience, say: Callable[[str], None]
) -> T:
    """Wait as long as a worker may take, and mention it ever more rarely. Raises TooSlow, and what is raised there."""
    task = asyncio.create_task(waited_for)
    waited, pause = 0.0, patience.mention_s
    try:
        while waited < patience.load_s:
            done, _ = await asyncio.wait([task], timeout=min(pause, patience.load_s - waited))
            if done:
                return task.result()
            waited += pause
            pause = waited
            say(f"salver: {label} is still {doing} after {waited:g} s")
        raise TooSlow(f"was still {doing} after {patience.load_s:g} s")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
