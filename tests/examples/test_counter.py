from collections.abc import Mapping
from typing import Any

import numpy as np
import tritonclient.grpc as triton_grpc
from support.http import post
from support.paths import ROOT

from salver.testing.server import running

COUNTER = ROOT / "examples" / "counter" / "servable.py"


def add(address: str, user: str, *values: float) -> Any:
    return post(address, "/servables/counter/add", [{"value": value} for value in values], {"X-User": user}).json


def test_every_user_has_a_count_and_a_mean_of_their_own() -> None:
    with running(COUNTER) as server:
        assert add(server.address, "ada", 1, 3) == [{"count": 1, "mean": 1.0}, {"count": 2, "mean": 2.0}]
        assert add(server.address, "bob", 10) == [{"count": 1, "mean": 10.0}]
        assert over_grpc(server.address, 5.0, {"x-user": "ada"}) == (3, 3.0)
        reply = post(server.address, "/servables/counter/forget", {"confirmed": True}, {"X-User": "ada"})
        assert reply.json == {"count": 3, "mean": 3.0}
        assert add(server.address, "ada", 7) == [{"count": 1, "mean": 7.0}]
    assert "[counter/1 worker 0] the end; 2 users were known" in server.output


def over_grpc(address: str, value: float, headers: Mapping[str, str]) -> tuple[int, float]:
    sent = triton_grpc.InferInput("value", [1], "FP64")
    sent.set_data_from_numpy(np.array([value]))
    with triton_grpc.InferenceServerClient(address) as client:
        result = client.infer("counter.add", [sent], headers=headers)
    return int(result.as_numpy("count")[0]), float(result.as_numpy("mean")[0])


def test_who_does_not_say_who_they_are_is_refused() -> None:
    with running(COUNTER) as server:
        reply = post(server.address, "/servables/counter/add", {"value": 1})
        assert reply.status == 400
        assert "say who you are by the header x-user" in reply.json["error"]["message"]
        assert post(server.address, "/servables/counter/forget", {"confirmed": False}, {"X-User": "a"}).status == 400
