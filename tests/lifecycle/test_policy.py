"""What is done next, as a table. A version is written `number state`; one with a `-` is not wanted any more."""

import pytest

from salver.lifecycle.policy import Action, Deed, next_actions, next_due
from salver.lifecycle.states import Record, State

STATES = {"start": State.START, "loading": State.LOADING, "up": State.AVAILABLE, "going": State.UNLOADING}
STATES["end"] = State.END


def records(text: str, servable: str = "m") -> list[Record]:
    made = []
    for each in filter(None, text.split(", ")):
        number, state = each.split()
        wanted = not number.startswith("-")
        made.append(Record(servable, int(number.removeprefix("-")), STATES[state], wanted))
    return made


def shown(actions: list[Action]) -> str:
    return ", ".join(f"{action.deed.value} {action.key[1]}" for action in actions) or "nothing"


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("", "nothing"),
        ("1 start", "load 1"),
        ("1 start, 2 start", "load 2"),
        ("1 start, 2 loading", "load 1"),
        ("1 loading", "nothing"),
        ("1 up, 2 up", "nothing"),
        ("-1 up, 2 start", "load 2"),
        ("-1 up, 2 loading", "nothing"),
        ("-1 up, 2 up", "unload 1"),
        ("-1 up, 2 end", "nothing"),
        ("-1 up, 2 going", "nothing"),
        ("-1 up", "unload 1"),
        ("-1 up, -2 up", "unload 1"),
        ("-1 up, -2 up, 3 start", "unload 1"),
        ("-2 up, 3 start", "load 3"),
        ("-1 up, -2 up, 3 end", "unload 1"),
        ("1 start, -2 up", "load 1"),
        ("1 up, -2 up, 3 start", "unload 2"),
        ("1 up, 3 start", "load 3"),
        ("-1 going, 2 up", "nothing"),
        ("-1 loading, 2 start", "load 2"),
        ("-1 loading, 2 loading", "nothing"),
        ("-1 loading, 2 end", "nothing"),
        ("-1 loading, 2 up", "unload 1"),
        ("-1 up, -2 loading, 3 loading", "nothing"),
        ("-1 loading", "unload 1"),
        ("-1 going", "nothing"),
        ("-1 end", "nothing"),
    ],
)
def test_a_new_version_is_loaded_before_the_old_one_goes(now: str, then: str) -> None:
    assert shown(next_actions(records(now), 0.0)) == then


def test_memory_is_freed_before_more_is_taken() -> None:
    every = [*records("1 start", "a"), *records("-1 up, 2 up", "b"), *records("1 start", "c")]
    loads = [Action(Deed.LOAD, ("a", 1)), Action(Deed.LOAD, ("c", 1))]
    assert next_actions(every, 0.0) == [Action(Deed.UNLOAD, ("b", 1)), *loads]


def test_what_waits_for_another_try_has_no_turn_before_it_is_due() -> None:
    waiting = [Record("m", 1, due=5.0), Record("m", 2, due=9.0)]
    assert next_actions(waiting, 4.0) == []
    assert next_due(waiting, 4.0) == 5.0
    assert shown(next_actions(waiting, 5.0)) == "load 1"
    assert next_due(waiting, 5.0) == 9.0
    assert next_due(records("1 up"), 0.0) is None
