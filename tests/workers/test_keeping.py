"""When a seat is filled again, by a clock of the test's own."""

import asyncio
from collections.abc import Sequence

import pytest

from salver.problems import Unusable
from salver.workers.backoff import Backoff
from salver.workers.keeping import Seat, keep


class _Through(Exception):
    """The test has seen enough."""


class _Loop(asyncio.SelectorEventLoop):
    """Its time goes further than that of the machine."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


def told(lives: Sequence[float], failures: Sequence[int]) -> list[str]:
    """What is said of workers that serve for so long, and before that could not begin so many times."""
    loop, said = _Loop(), list[str]()
    served, failing = iter(lives), [0, *failures]

    async def lost() -> str:
        loop.ahead_s += next(served, 0.0)
        failing.pop(0)
        if not failing:
            raise _Through
        return "ended"

    async def fill() -> None:
        if failing[0]:
            failing[0] -= 1
            raise Unusable("s.py", "does not load", "mend it")

    seat = Seat("worker 0", lost, fill, "could not be started again")
    with pytest.raises(_Through):
        loop.run_until_complete(keep(seat, Backoff(0.001, 0.004, healthy_s=60.0), said.append))
    loop.close()
    return [each.rpartition(" in ")[2] for each in said if " in " in each]


@pytest.mark.parametrize(
    ("lives", "failures", "pauses"),
    [
        ([0.0] * 5, [0] * 4, ["0.001 s", "0.002 s", "0.004 s", "0.004 s"]),
        ([100.0] * 5, [0] * 4, ["0.001 s"] * 4),
        ([0.0, 0.0, 100.0, 0.0, 0.0], [0] * 4, ["0.001 s", "0.002 s", "0.001 s", "0.002 s"]),
        ([100.0, 100.0, 0.0], [2, 0], ["0.001 s", "0.002 s", "0.004 s", "0.001 s"]),
    ],
)
def test_pauses_grow_only_for_workers_that_do_not_serve_for_long(
    lives: list[float], failures: list[int], pauses: list[str]
) -> None:
    assert told(lives, failures) == pauses
