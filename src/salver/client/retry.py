"""Trying again: when, how often, and for how long."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

T = TypeVar("T")

_PUSHBACK = "grpc-retry-pushback-ms"


@dataclass(frozen=True)
class Retry:
    """A call that a server was UNAVAILABLE for is tried again, `attempts` times in all, within its time-out.

    Pauses double from `first_s` up to `longest_s`, and each is some random part of that, so that callers who failed
    together do not come back together. A server may say itself when to come again, or not at all.

    A server may have begun what it was UNAVAILABLE for: calls that must not happen twice say `idempotent=False`, and
    are not tried again. Nor are streams, once a message has come or gone.
    """

    attempts: int = 5
    first_s: float = 0.05
    longest_s: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first_s < 0 or self.longest_s < self.first_s:
            raise ValueError(f"{self} is no plan: expected attempts >= 1 and 0 <= first_s <= longest_s")

    def pause(self, failed: int, chance: float) -> float:
        """For how many seconds to wait after so many failures; `chance` is a random number below 1."""
        longest = min(self.longest_s, self.first_s * 2.0 ** min(failed - 1, 60))
        return longest * (1 + chance) / 2


ONCE = Retry(attempts=1)


class Attempts:
    """The attempts of one call, which all share its time-out."""

    def __init__(self, retry: Retry, timeout: float | None) -> None:
        self._retry = retry
        self._end = None if timeout is None else time.monotonic() + timeout
        self.made = 0

    def left(self) -> float | None:
        """For how many seconds the next attempt may run."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def run(self, attempt: Callable[[float | None], T]) -> T:
        """What an attempt gives, which is told its time-out. Raises what the last one raised."""
        while True:
            self.made += 1
            try:
                return attempt(self.left())
            except grpc.RpcError as error:
                pause = self._pause(error)
                if pause is None:
                    raise
            time.sleep(pause)

    async def run_async(self, attempt: Callable[[float | None], Awaitable[T]]) -> T:
        """As `run`."""
        while True:
            self.made += 1
            try:
                return await attempt(self.left())
            except grpc.RpcError as error:
                pause = self._pause(error)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    def _pause(self, error: Any) -> float | None:
        """For how long to wait before another attempt; None if there is to be none."""
        if error.code() is not grpc.StatusCode.UNAVAILABLE or self.made >= self._retry.attempts:
            return None
        pause = _pushback(error.trailing_metadata() or ())
        if pause is None:
            pause = self._retry.pause(self.made, random.random())
        left = self.left()
        return None if pause < 0 or (left is not None and pause >= left) else pause


def _pushback(metadata: Iterable[Any]) -> float | None:
    """What the server says of when to come again, in seconds, less than 0 for never; None if it says nothing."""
    said = [value for name, value in metadata if name == _PUSHBACK]
    if not said:
        return None
    return int(said[0]) / 1000 if str(said[0]).isdecimal() else -1.0
