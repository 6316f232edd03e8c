import pytest

from salver.lifecycle.states import NEXT, IllegalMove, State, check_move


def test_every_state_has_its_successors_written_down() -> None:
    assert {before.value: sorted(after.value for after in afters) for before, afters in NEXT.items()} == {
        "START": ["END", "LOADING"],
        "LOADING": ["AVAILABLE", "END", "START", "UNLOADING"],
        "AVAILABLE": ["UNLOADING"],
        "UNLOADING": ["END"],
        "END": ["START"],
    }


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_a_move_is_either_written_down_or_refused(before: State, after: State) -> None:
    if after in NEXT[before]:
        check_move(before, after)
        return
    with pytest.raises(IllegalMove, match=f"from {before.value} to {after.value}"):
        check_move(before, after)
