from collections.abc import Sequence
from typing import Any

import grpc
import pytest

from salver.client.retry import ONCE, Attempts, Retry

QUICK = Retry(attempts=4, first_s=0, longest_s=0)


class Status(grpc.RpcError):
    """What a call may end with."""

    def __init__(self, code: grpc.StatusCode, trailers: Sequence[tuple[str, str]] = ()) -> None:
        self._code = code
        self._trailers = tuple(trailers)

    def code(self) -> grpc.StatusCode:
        return self._code

    def trailing_metadata(self) -> Any:
        return self._trailers


UNAVAILABLE = Status(grpc.StatusCode.UNAVAILABLE)


class Failing:
    """Fails with each of the errors, then gives an answer; it notes the time-outs it is given."""

    def __init__(self, *errors: Status) -> None:
        self._errors = list(errors)
        self.told: list[float | None] = []

    def __call__(self, left: float | None) -> str:
        self.told.append(left)
        if self._errors:
            raise self._errors.pop(0)
        return "answer"


@pytest.mark.parametrize("failed", [1, 2, 3, 10, 1000])
def test_pauses_double_up_to_the_longest_and_differ_by_chance(failed: int) -> None:
    retry = Retry(first_s=0.1, longest_s=5)
    longest = min(5, 0.1 * 2.0 ** (failed - 1)) if failed < 100 else 5
    assert retry.pause(failed, 0.0) == pytest.approx(longest / 2)
    assert retry.pause(failed, 0.999) == pytest.approx(longest, rel=0.01)


@pytest.mark.parametrize("plan", [{"attempts": 0}, {"first_s": -1}, {"first_s": 2, "longest_s": 1}])
def test_a_plan_that_cannot_be_followed_is_refused(plan: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected attempts >= 1"):
        Retry(**plan)


def test_a_call_is_tried_again_until_it_is_answered() -> None:
    call, attempts = Failing(UNAVAILABLE, UNAVAILABLE), Attempts(QUICK, None)
    assert attempts.run(call) == "answer"
    assert attempts.made == 3


@pytest.mark.parametrize(
    ("retry", "error", "made"),
    [
        (QUICK, UNAVAILABLE, 4),
        (ONCE, UNAVAILABLE, 1),
        (QUICK, Status(grpc.StatusCode.INTERNAL), 1),
        (QUICK, Status(grpc.StatusCode.DEADLINE_EXCEEDED), 1),
        (QUICK, Status(grpc.StatusCode.UNAVAILABLE, [("grpc-retry-pushback-ms", "-1")]), 1),
        (QUICK, Status(grpc.StatusCode.UNAVAILABLE, [("grpc-retry-pushback-ms", "nonsense")]), 1),
        (QUICK, Status(grpc.StatusCode.UNAVAILABLE, [("grpc-retry-pushback-ms", "0")]), 4),
    ],
)
def test_only_what_a_server_was_unavailable_for_is_tried_again(retry: Retry, error: Status, made: int) -> None:
    call, attempts = Failing(*[error] * 9), Attempts(retry, None)
    with pytest.raises(Status):
        attempts.run(call)
    assert (attempts.made, len(call.told)) == (made, made)


def test_attempts_share_one_time_out_and_end_with_it() -> None:
    call = Failing(*[UNAVAILABLE] * 9)
    with pytest.raises(Status):
        Attempts(Retry(attempts=9, first_s=60, longest_s=60), 5.0).run(call)
    [left] = call.told
    assert left is not None
    assert 0 < left <= 5
