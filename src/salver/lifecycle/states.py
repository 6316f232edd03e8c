"""The states of a version, and which may follow which. This is the one place that says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from salver.problems import Problem

Key = tuple[str, int]
"""A servable's name, and the number of one of its versions."""


class State(Enum):
    """By the names that TensorFlow Serving gives them."""

    START = "START"
    """It is known, and waits for its turn to be loaded; with a problem, for its turn to be tried again."""
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    """New calls do not reach it any more, and those that did are being answered; or its loading is being given up."""
    END = "END"
    """It is gone, or with a problem: it never came to be."""


NEXT: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.START: frozenset({State.LOADING, State.END}),
        State.LOADING: frozenset({State.AVAILABLE, State.START, State.UNLOADING, State.END}),
        State.AVAILABLE: frozenset({State.UNLOADING}),
        State.UNLOADING: frozenset({State.END}),
        State.END: frozenset({State.START}),
    }
)


class IllegalMove(AssertionError):
    """A version was to go where it cannot: a defect of whoever moved it."""


@dataclass(frozen=True)
class Record:
    """One version at one moment.

    `made_of` changes whenever its files do; `tried` is what they were when it was last loaded. A version that is not
    `wanted` is on its way out, or a memory.
    """

    servable: str
    version: int
    state: State = State.START
    wanted: bool = True
    problem: Problem | None = None
    made_of: object = None
    tried: object = None
    attempts: int = 0
    due: float = 0.0

    @property
    def key(self) -> Key:
        return self.servable, self.version

    @property
    def settled(self) -> bool:
        """Of a wanted one: whether it is available, or it is known why it is not."""
        return self.state is State.AVAILABLE or (self.problem is not None and self.state is not State.LOADING)


def check_move(before: State, after: State) -> None:
    """Raises IllegalMove."""
    if after not in NEXT[before]:
        raise IllegalMove(f"no version goes from {before.value} to {after.value}")
