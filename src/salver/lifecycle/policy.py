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


def next_actions(records: Iterable[Record], now: float) -> list[Action]:
    """The next thing to do to each servable for which there is one: what frees memory comes before what takes it."""
    ordered = sorted(records, key=lambda record: record.key)
    found = [_of_one(list(group), now) for _, group in groupby(ordered, key=lambda record: record.servable)]
    return sorted((action for action in found if action is not None), key=lambda action: action.deed is Deed.LOAD)


def next_due(records: Iterable[Record], now: float) -> float | None:
    """When a version that waits may be tried again that may not be yet; None if there is none."""
    waiting = (record for record in records if record.wanted and record.state is State.START)
    return min((record.due for record in waiting if record.due > now), default=None)


def _of_one(records: Sequence[Record], now: float) -> Action | None:
    """For one servable, whose records come by ascending version. It keeps an available version if it has one.

    A version that is not wanted any more goes only if another is there to answer: a wanted one, or one more that is
    not wanted either; or if nothing is wanted. So a new version is loaded before the old one goes, and the old one
    stays as long as the new one cannot be loaded. One that is still being loaded is given up for the first and the
    last of these reasons: where versions are replaced faster than they are loaded, they still come to answer.
    """
    available = [record for record in records if record.state is State.AVAILABLE]
    surplus = [record for record in available if not record.wanted]
    wanted = [record for record in records if record.wanted]
    replaced = not wanted or len(available) > len(surplus)
    needless = [record for record in records if record.state is State.LOADING and not record.wanted]
    if needless and replaced:
        return Action(Deed.UNLOAD, needless[0].key)
    if surplus and (replaced or len(surplus) > 1):
        return Action(Deed.UNLOAD, surplus[0].key)
    new = [record for record in wanted if record.state is State.START and record.due <= now]
    return Action(Deed.LOAD, new[-1].key) if new else None
