"""What callers can reach when workers that have joined serve beside the server itself."""

from dataclasses import dataclass
from typing import Any

import pytest

from salver.lifecycle.states import State
from salver.server.routes import Absent, Joined, Routes


@dataclass(frozen=True)
class Version:
    name: str
    version: int
    by: str = "worker"


ADD1, ADD2, SUB1 = Version("add", 1), Version("add", 2), Version("sub", 1)
OWN1 = Version("add", 1, "server")


@pytest.mark.parametrize(
    ("own", "served", "left", "shown"),
    [
        ([], [ADD1], [], [ADD1]),
        ([], [ADD1, ADD2], [], [ADD1, ADD2]),
        # A version without workers is there, so that its callers hear that it is not ready ...
        ([], [], [ADD1], [ADD1]),
        ([], [SUB1], [ADD1], [SUB1, ADD1]),
        # ... unless there is another of its servable.
        ([], [ADD1], [ADD2], [ADD1]),
        ([OWN1], [], [ADD2], [OWN1]),
        # What the server has come to serve itself, it does.
        ([OWN1], [ADD1, ADD2], [], [OWN1, ADD2]),
    ],
)
def test_what_is_shown(own: list[Any], served: list[Any], left: list[Any], shown: list[Any]) -> None:
    assert list(Joined(served, left).beside(Routes(own)).versions) == shown


def test_who_serves_what() -> None:
    joined: Any = Joined([ADD1], [SUB1])  # type: ignore[list-item]
    assert [joined.know(*key) for key in (("add", 1), ("sub", 1), ("add", 2))] == [True, True, False]
    gone = Absent("add", 4, State.END, wanted=False)
    routes = Routes([OWN1], [Absent("add", 2, State.LOADING), gone])  # type: ignore[list-item]
    assert [routes.know("add", version) for version in (1, 2, 3, 4)] == [True, True, False, False]
