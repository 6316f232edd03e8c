import pytest

from salver.cluster.pulse import Beat, Pulse


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_who_is_heard_may_be_silent_again(clock: Clock) -> None:
    pulse = Pulse(Beat(0.25, 1.0, clock))
    assert pulse.left_s() == 1.0
    clock.now += 0.75
    pulse.heard()
    clock.now += 0.25
    assert pulse.left_s() == 0.75


def test_who_is_silent_for_too_long_is_gone(clock: Clock) -> None:
    pulse = Pulse(Beat(0.25, 1.0, clock))
    clock.now += pulse.left_s()
    assert pulse.left_s() == 0.0


def test_a_silence_that_was_ones_own_sleep_proves_nothing(clock: Clock) -> None:
    pulse = Pulse(Beat(0.25, 1.0, clock))
    clock.now += pulse.left_s() + 3600
    assert pulse.left_s() == 1.0
    clock.now += 1.0
    assert pulse.left_s() == 0.0
