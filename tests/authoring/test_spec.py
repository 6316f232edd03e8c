import json
from dataclasses import replace

from salver.authoring.spec import (
    Contract,
    Input,
    Method,
    Origin,
    Plan,
    Policy,
    Port,
    Rpc,
    Servable,
    Service,
    StageSpec,
    Step,
    StepOutput,
    carries_rows,
    one_stage,
    servable_from_form,
)

X = Port("x", "float32", (2, "width", ""), optional=True)
Y = Port("y", None, None, json=True)


def servable(unbatched: str | None) -> Servable:
    stage = StageSpec("model.onnx", (X,), (Y,), unbatched, Policy(max_batch_size=4, max_wait_ms=1.5))
    return Servable("s", 3, "onnx", (one_stage("predict", stage),), (stage,))


def test_a_servable_is_written_as_the_native_core_reads_it() -> None:
    x = {"name": "x", "dtype": "float32", "dims": [2, "width", ""], "optional": True, "json": False}
    y = {"name": "y", "dtype": None, "dims": None, "optional": False, "json": True}
    policy = {
        "max_batch_size": 4,
        "max_wait_ms": 1.5,
        "row_by_row": False,
        "isolate_rows": True,
        "retry_lost": False,
        "allowed_batch_sizes": [],
        "max_waiting_batches": None,
        "max_call_rows": None,
        "split_calls": True,
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
                "sequence": False,
            }
        ],
        "stages": [
            {
                "name": "model.onnx",
                "inputs": [x],
                "outputs": [y],
                "batching": "batched",
                "policy": policy,
                "context": False,
            }
        ],
        "services": [],
    }


def test_the_reason_for_not_batching_is_part_of_it() -> None:
    written = json.loads(servable("it has a fixed shape").to_json())
    assert written["stages"][0]["batching"] == {"unbatched": "it has a fixed shape"}
    assert written["methods"][0]["contract"]["batched"] is False


def test_a_servable_is_read_as_it_was_written() -> None:
    first = StageSpec("decode", (X,), (Y,), None, Policy(row_by_row=True), context=True)
    second = StageSpec("net", (Y,), (Y, X), "its shape is fixed")
    steps = (Step(0, (Input(0),)), Step(1, (StepOutput(0, 0),)))
    streamed = Method("tell", Contract((X,), (Y, X), True), Plan(steps, (StepOutput(1, 0), Input(0))), sequence=True)
    service = Service("a.B", b"\x00\xff", (Rpc("Tell", "tell", (("x", "."),), (("y", "y"), ("x", "@status"))),))
    methods = (streamed, one_stage("predict", first))
    written = Servable("s", 3, "python", methods, (first, second), (service,))
    assert servable_from_form(json.loads(written.to_json())) == written


def test_only_methods_that_are_nothing_but_unbatched_models_take_no_rows() -> None:
    stages = (StageSpec("net", (X,), (Y,), "its shape is fixed"), StageSpec("decode", (X,), (Y,), None))
    for used, wanted in (((), True), ((0,), False), ((0, 0), False), ((0, 1), True), ((1,), True)):
        plan = Plan(tuple(Step(stage, (Input(0),)) for stage in used), (Input(0),))
        assert carries_rows(plan, stages) is wanted


def test_contracts_are_shown_as_people_write_signatures() -> None:
    scalar = Port("label", "int64", ())
    assert str(one_stage("m", StageSpec("s", (X, scalar), (Y,), None)).contract) == (
        "(x: float32[2, width, any] = ..., label: int64) -> (y: json)"
    )


def test_what_a_saved_model_says_of_a_signature_is_written_and_read() -> None:
    origin = Origin("tensorflow/serving/predict", {"x": "serving_default_x:0"}, {"y": "StatefulPartitionedCall:0"})
    plain = servable(None)
    method = one_stage("serving_default", plain.stages[0], origin=origin)
    form = json.loads(replace(plain, methods=(method,)).to_json())
    assert form["methods"][0]["origin"] == {
        "method_name": "tensorflow/serving/predict",
        "inputs": {"x": "serving_default_x:0"},
        "outputs": {"y": "StatefulPartitionedCall:0"},
    }
    assert servable_from_form(form).methods == (method,)
