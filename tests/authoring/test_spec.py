import json

from salver.authoring.spec import Policy, Port, Servable, StageSpec, one_stage

X = Port("x", "float32", (2, "width", ""))
Y = Port("y", None, None)


def servable(unbatched: str | None) -> Servable:
    stage = StageSpec("model.onnx", (X,), (Y,), unbatched, Policy(max_batch_size=4, max_wait_ms=1.5))
    return Servable("s", 3, "onnx", (one_stage("predict", stage),), (stage,))


def test_a_servable_is_written_as_the_native_core_reads_it() -> None:
    x = {"name": "x", "dtype": "float32", "dims": [2, "width", ""]}
    y = {"name": "y", "dtype": None, "dims": None}
    policy = {
        "max_batch_size": 4,
        "max_wait_ms": 1.5,
        "row_by_row": False,
        "isolate_rows": True,
        "retry_lost": False,
    }
    assert json.loads(servable(None).to_json()) == {
        "name": "s",
        "version": 3,
        "runtime": "onnx",
        "methods": [
            {
                "name": "predict",
                "contract": {"inputs": [x], "outputs": [y], "batched": True},
                "plan": {"steps": [{"stage": 0, "inputs": [{"input": 0}]}], "outputs": [{"step": [0, 0]}]},
            }
        ],
        "stages": [{"name": "model.onnx", "inputs": [x], "outputs": [y], "batching": "batched", "policy": policy}],
    }


def test_the_reason_for_not_batching_is_part_of_it() -> None:
    written = json.loads(servable("it has a fixed shape").to_json())
    assert written["stages"][0]["batching"] == {"unbatched": "it has a fixed shape"}
    assert written["methods"][0]["contract"]["batched"] is False


def test_contracts_are_shown_as_people_write_signatures() -> None:
    scalar = Port("label", "int64", ())
    assert str(one_stage("m", StageSpec("s", (X, scalar), (Y,), None)).contract) == (
        "(x: float32[2, width, any], label: int64) -> (y: any)"
    )
