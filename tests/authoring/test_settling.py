from dataclasses import replace

from salver.authoring.settling import settled
from salver.authoring.spec import Contract, Input, Method, Plan, Port, Servable, StageSpec, Step, StepOutput

IMAGE = Port("image", "bytes", ())
X, Y = Port("x", "float32", ("width",)), Port("y", "float32", ("classes",))
TRUE_X, TRUE_Y = Port("x", "float32", (1, 8)), Port("y", "float32", (1, 10))

DECODE = StageSpec("decode", (IMAGE,), (X,), None)
NET = StageSpec("net", (X,), (Y,), None)
LOADED = replace(NET, inputs=(TRUE_X,), outputs=(TRUE_Y,), unbatched="its leading dimension is fixed")

ALONE = Plan((Step(1, (Input(0),)),), (StepOutput(0, 0),))
CHAINED = Plan((Step(0, (Input(0),)), Step(1, (StepOutput(0, 0),))), (StepOutput(1, 0), StepOutput(0, 0)))


def after_loading(contract: Contract, plan: Plan) -> Contract:
    servable = Servable("s", 1, "python", (Method("m", contract, plan),), (DECODE, NET))
    loaded = settled(servable, 1, LOADED)
    assert loaded.stages == (DECODE, LOADED)
    return loaded.methods[0].contract


def test_what_a_contract_had_from_the_model_is_corrected() -> None:
    believed = Contract((replace(X, name="input"),), (Y,), True)
    assert after_loading(believed, ALONE) == Contract((replace(TRUE_X, name="input"),), (TRUE_Y,), False)


def test_what_was_not_known_is_known_then() -> None:
    unknown = Contract((Port("x", None, None),), (Port("y", None, None),), True)
    assert after_loading(unknown, ALONE) == Contract((TRUE_X,), (TRUE_Y,), False)


def test_what_the_author_declared_is_kept() -> None:
    declared = Contract((Port("x", "float32", (7,)),), (Port("y", "float64", (3,)),), True)
    assert after_loading(declared, ALONE) == replace(declared, batched=False)


def test_only_what_comes_from_the_model_is_corrected() -> None:
    believed = Contract((IMAGE,), (Y, X), True)
    assert after_loading(believed, CHAINED) == Contract((IMAGE,), (TRUE_Y, X), True)


def test_methods_that_do_not_use_the_model_stay_as_they_are() -> None:
    contract = Contract((X,), (X,), True)
    assert after_loading(contract, Plan((), (Input(0),))) == contract
