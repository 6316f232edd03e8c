"""The same code where others wait for it."""

import os
from collections.abc import AsyncIterator

from deeds import DEEDS

import salver


@salver.servable
class Awaiting:
    async def do(self, what: str) -> str:
        DEEDS[what]()
        return "done"

    async def items(self, what: str, after: int) -> AsyncIterator[int]:
        for number in range(after):
            yield number
        DEEDS[what]()
        for number in range(after, 2 * after):
            yield number

    async def process(self, text: str) -> int:
        return os.getpid()
