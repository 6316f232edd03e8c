from collections.abc import Callable
from typing import Any

import pytest

import salver
from salver.authoring.functions import Function
from salver.authoring.models import Model
from salver.authoring.options import Options, servable_options
from salver.authoring.spec import Policy
from salver.problems import Unusable


def function(x: int) -> int:
    return x


class Plain:
    pass


def policy(decorated: object) -> Policy:
    assert isinstance(decorated, Function)
    return decorated.policy


def test_functions_and_stages_have_policies_that_suit_them() -> None:
    assert policy(salver.stage(function)) == Policy(32, 0.0, row_by_row=True)
    assert policy(salver.function(function)) == Policy(64)
    assert policy(salver.stage(max_batch_size=1, max_wait_ms=0.5, isolate_rows=False)(function)) == Policy(
        1, 0.5, row_by_row=True, isolate_rows=False
    )


def test_a_model_keeps_what_is_said_of_it() -> None:
    model = salver.model("net.onnx", max_batch_size=8, max_wait_ms=1, batching=True, instances=2, threads=4)
    assert isinstance(model, Model)
    assert (model.path, model.policy, model.batching) == ("net.onnx", Policy(8, 1.0), True)
    assert (model.instances, model.options) == (2, {"threads": 4})


def test_a_servable_class_stays_what_it_is() -> None:
    @salver.servable
    class One:
        pass

    @salver.servable(workers=2, device="cuda:0")
    class Two(One):
        pass

    class Three(Two):
        pass

    assert One().__class__ is One
    said = [servable_options(each) for each in (One, Two, Three, Plain, 3)]
    assert [each and (each.workers, each.device) for each in said] == [(None, None), (2, "cuda:0"), None, None, None]


def test_options_come_together_unless_they_disagree() -> None:
    one, other = salver.options(workers=2), salver.options(device="cpu", workers=2, run_timeout=5)
    joined = one.joined(other)
    assert isinstance(joined, Options)
    assert (joined.workers, joined.device, joined.run_timeout) == (2, "cpu", 5)
    with pytest.raises(Unusable, match=r"says workers=3, but .*test_options.py:\d+ says workers=2") as refused:
        one.joined(salver.options(workers=3))
    assert "say it once" in refused.value.problem.remedy


@pytest.mark.parametrize(
    ("wrong", "what", "remedy"),
    [
        (lambda: salver.stage(max_batch_size=0), "says max_batch_size=0", "whole number of at least 1"),
        (lambda: salver.stage(max_batch_size=1.5), "says max_batch_size=1.5", "whole number"),
        (lambda: salver.function(max_wait_ms=-1), "says max_wait_ms=-1", "at least 0"),
        (lambda: salver.function(max_wait_ms="2"), "says max_wait_ms='2'", "number"),
        (lambda: salver.function(max_wait_ms=float("inf")), "says max_wait_ms=inf", "number"),
        (lambda: salver.model("x", instances=True), "says instances=True", "whole number"),
        (lambda: salver.model("x", batching="no"), "says batching='no'", 'True, False or "auto"'),
        (lambda: salver.options(workers=0), "says workers=0", "at least 1"),
        (lambda: salver.options(run_timeout=0), "says run_timeout=0", "at least 0.001"),
        (lambda: salver.servable(device=0)(Plain), "says device=0", '"cuda:0"'),
        (lambda: salver.servable(function), "@salver.servable on a function", "@salver.function"),
        (lambda: salver.stage(Plain), "@salver.stage on a type", "`def`"),
        (lambda: salver.stage(3), "@salver.stage on a int", "`def`"),
        (
            lambda: salver.method(salver.stage(function)),
            "two of salver's decorators on 'function'",
            "keep @salver.method",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_the_line_that_says_it(wrong: Callable[[], Any], what: str, remedy: str) -> None:
    with pytest.raises(Unusable) as refused:
        wrong()
    problem = refused.value.problem
    assert problem.where.startswith(f"{__file__}:")
    assert what in problem.what
    assert remedy in problem.remedy
