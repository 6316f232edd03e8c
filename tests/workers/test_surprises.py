"""Any exception has a text, and a lane tells the end of its own tasks from what code raises."""

import asyncio
from typing import NoReturn

import pytest

from salver.workers.surprises import is_ordered, told


class Mute(Exception):
    def __str__(self) -> NoReturn:
        raise Mute


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no"), "ValueError: no"),
        (SystemExit(3), "SystemExit: 3"),
        (Mute(), "Mute, which cannot say what is wrong: its __str__ fails"),
    ],
)
def test_every_exception_is_told(error: BaseException, text: str) -> None:
    assert told(error) == text


def test_only_a_task_that_is_cancelled_ends_by_order() -> None:
    assert not is_ordered(ValueError())
    assert not is_ordered(asyncio.CancelledError())

    async def waits(begun: asyncio.Event) -> bool:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            return is_ordered(error)
        return False

    async def cancelled() -> bool:
        begun = asyncio.Event()
        task = asyncio.create_task(waits(begun))
        await begun.wait()
        assert not is_ordered(asyncio.CancelledError())
        task.cancel()
        return await task

    assert asyncio.run(cancelled())
