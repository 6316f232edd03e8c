"""How a model's batches may be limited: how many rows it is run with, how many may wait, how many one call has."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from support.http import post
from support.models import counted, slow
from support.tensorflow import predict
from support.waiting import metric, running, until

from examples.models import write
from salver.testing.server import Server
from salver.testing.server import running as started

QUEUE_FULL = "The batch scheduling queue to which this task was submitted is full"


def settings(directory: Path, name: str, text: str) -> None:
    (directory / name / "salver.toml").write_text(text)


def rows(server: Server, count: int) -> Any:
    return post(server.address, "/v1/models/counted:predict", {"instances": [[1, 1]] * count})


@pytest.mark.parametrize(
    ("allowed", "ran"),
    [
        ("allowed_batch_sizes = [2, 4, 8]", [[2], [2] * 2, [4] * 3, [8] * 8, [8] * 8 + [4] * 3]),
        ("", [[1], [3] * 3, [8] * 8 + [3] * 3]),
    ],
)
def test_a_batch_is_filled_up_to_the_next_allowed_size(tmp_path: Path, allowed: str, ran: list[list[int]]) -> None:
    """By how many rows the model was run, for each row of a call."""
    write(counted(), tmp_path, "counted", 1)
    settings(tmp_path, "counted", f"batching = true\nmax_batch_size = 8\n{allowed}")
    with started(tmp_path) as server:
        for wanted in ran:
            assert [row[0] for row in rows(server, len(wanted)).json["predictions"]] == wanted


def test_a_call_of_many_rows_runs_in_one_piece_unless_somebody_said_how_many_run_together(tmp_path: Path) -> None:
    """By how many rows the model was run, for each row of a call."""
    write(counted(), tmp_path, "counted", 1)
    for said, wanted in [("", [70] * 70), ("max_batch_size = 32", [32] * 64 + [6] * 6)]:
        settings(tmp_path, "counted", f"batching = true\n{said}")
        with started(tmp_path) as server:
            assert [row[0] for row in rows(server, 70).json["predictions"]] == wanted


def test_a_call_of_too_many_rows_is_refused(tmp_path: Path) -> None:
    write(counted(), tmp_path, "counted", 1)
    settings(tmp_path, "counted", "batching = true\nmax_batch_size = 2\nmax_call_rows = 4")
    with started(tmp_path) as server:
        assert rows(server, 4).status == 200
        refused = rows(server, 5)
        assert (refused.status, refused.json) == (
            400,
            {"error": "Task size 5 is larger than maximum input batch size 4"},
        )
        with pytest.raises(grpc.RpcError) as raised:
            predict(server.address, {"x": np.ones((5, 2), np.float32)}, name="counted")
        assert raised.value.code().name == "INVALID_ARGUMENT"


def test_what_finds_the_queue_full_is_refused_and_the_others_are_answered(tmp_path: Path) -> None:
    write(slow(), tmp_path, "slow", 1)
    settings(tmp_path, "slow", "instances = 1\nmax_waiting_batches = 1")

    def ask(server: Server, steps: int) -> Any:
        return post(server.address, "/v1/models/slow:predict", {"inputs": {"steps": [steps]}})

    with started(tmp_path) as server, ThreadPoolExecutor() as pool:
        first = pool.submit(ask, server, 200)
        until(lambda: running(server.address, "slow"))
        second = pool.submit(ask, server, 1)
        until(lambda: metric(server.address, "salver_waiting_rows", servable="slow") == 1)
        refused = ask(server, 1)
        assert refused.status == 503
        assert refused.json["error"].startswith(QUEUE_FULL)
        assert "max_waiting_batches" in refused.json["error"]
        assert (first.result(50).status, second.result(50).status) == (200, 200)
