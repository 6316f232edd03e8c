import numpy as np
import pytest

from salver import _native
from salver.workers.lane_ends import open_lane


@pytest.mark.parametrize(
    ("column", "error", "what"),
    [
        (((2, 2), ["a"]), ValueError, r"^1 values are no tensor of the shape \[2, 2\]$"),
        (((2**63, 2), ["a"]), ValueError, "1 values are no tensor of the shape"),
        (((), []), ValueError, r"^0 values are no tensor of the shape \[\]$"),
        (((-1,), ["a"]), OverflowError, "negative"),
        (((1, 2), ["a", b"b"]), TypeError, "bytes"),
        (((1,), [1]), TypeError, "int"),
        (np.array(["a"], object), ValueError, "O"),
    ],
)
def test_what_is_no_column_is_refused(column: object, error: type[Exception], what: str) -> None:
    server, worker = open_lane()
    with server:
        link = _native.Link(worker.socket, worker.inbound, worker.outbound)
        with pytest.raises(error, match=what):
            link.answer(1, 1, [column])  # type: ignore[list-item]
