import pytest

from salver.workers.backoff import Backoff


@pytest.mark.parametrize(
    ("failures", "delay_s"), [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.8), (9, 25.6), (10, 30.0), (11, 30.0), (10**9, 30.0)]
)
def test_the_pause_doubles_up_to_half_a_minute(failures: int, delay_s: float) -> None:
    assert Backoff().delay_s(failures) == pytest.approx(delay_s)


@pytest.mark.parametrize(
    ("before", "well_s", "after"), [(0, 0.0, 1), (1, 9.9, 2), (7, 0.0, 8), (7, 10.0, 1), (0, 3600, 1)]
)
def test_a_worker_that_was_well_for_a_while_begins_anew(before: int, well_s: float, after: int) -> None:
    assert Backoff().failures(before, well_s) == after
