"""Waiting for a server tells of itself, but not all the time."""

import pytest

from salver.client import readiness


@pytest.mark.parametrize(
    ("pause_s", "told"),
    [
        (float("inf"), ["refused", "it says NOT_SERVING", "refused"]),
        (0.0, ["refused"] * 3 + ["it says NOT_SERVING", "refused"]),
    ],
)
def test_a_reason_is_told_again_after_a_pause_and_a_new_one_at_once(
    monkeypatch: pytest.MonkeyPatch, pause_s: float, told: list[str]
) -> None:
    monkeypatch.setattr(readiness, "_TELL_S", pause_s)
    heard: list[str] = []
    waiting = readiness.Waiting(60, lambda _, why: heard.append(why))
    for why in ("refused", "refused", "refused", "it says NOT_SERVING", "refused"):
        assert waiting.goes_on(why)
    assert not waiting.goes_on(None)
    assert heard == told
