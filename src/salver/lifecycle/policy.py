"""What is to be done next: pure functions of what is and what is wanted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from salver.lifecycle.states import Key, Record, State


class Deed(Enum):
    LOAD = "load"
    UNLOAD = "unload"


@dataclass(frozen=True)
class Action:
    """One thing to do to one version."""

    deed: Deed
    key: Key


def next_action(records: Iterable[Record], now: float) -> Action | None:
    """The next thing to do to any servable: what frees memory comes before what takes it."""
    ordered = sorted(records, key=lambda record: record.key)
    found = [_of_one(list(group), now) for _, group in groupby(ordered, key=lambda record: record.servable)]
    actions = sorted((action for action in found if action is not None), key=lambda action: action.deed is Deed.LOAD)
    return actions[0] if actions else None


def next_due(records: Iterable[Record]) -> float | None:
    """When a version that waits may be tried again; None if none waits."""
    return min((record.due for record in records if record.wanted and record.state is State.START), default=None)


def _of_one(records: Sequence[Record], now: float) -> Action | None:
    """For one servable, whose records come by ascending version. It keeps an available version if it has one.

    A version that is not wanted any more goes only if another is there to answer: a wanted one, or one more that is
    not wanted either; or if nothing is wanted. So a new version is loaded before the old one goes, and the old one
    stays as long as the new one cannot be loaded.
    """
    available = [record for record in records if record.state is State.AVAILABLE]
    surplus = [record for record in available if not record.wanted]
    wanted = [record for record in records if record.wanted]
    replaced = not wanted or len(surplus) > 1 or len(available) > len(surplus)
    if surplus and replaced:
        return Action(Deed.UNLOAD, surplus[0].key)
    new = [record for record in wanted if record.state is State.START and record.due <= now]
    return Action(Deed.LOAD, new[-1].key) if new else None
