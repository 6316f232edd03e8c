"""Defining methods: `register_method` and `add_stage`."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from salver.authoring.mindspore.arguments import checked_int, checked_str, checked_strs
from salver.authoring.mindspore.builtin import BUILT_IN
from salver.authoring.mindspore.definitions import FunctionStage, MethodDefinition, ModelStage, Placeholder, StageUse
from salver.authoring.mindspore.model import Model
from salver.authoring.mindspore.registration import Registration, Trace, current, servable_name

Function = TypeVar("Function", bound=Callable[..., object])

_ORIGIN = "is a placeholder for data and must come from the method inputs or the outputs of add_stage"


def register_method(output_names: str | Sequence[str]) -> Callable[[Function], Function]:
    """Make the decorated function a method of the servable.

    Its name is the method's name, its parameters are the method's inputs. It is called once, here, with placeholders,
    and says by `add_stage` which stages they go through; what it returns are the method's outputs.

    Raises:
        RuntimeError: from the decorator: a name, parameter, stage or returned value is wrong.
    """
    outputs = checked_strs("output_names", output_names)

    def register(function: Function) -> Function:
        current().add_method(_traced(function, outputs, current()))
        return function

    return register


def add_stage(
    stage: Callable[..., object] | Model | str,
    *args: object,
    outputs_count: int,
    batch_size: int | None = None,
    tag: str | None = None,
) -> Any:
    """Send values through a stage of the method that is being registered.

    Args:
        stage: a Python function, a model from `declare_model`, or the name of a built-in function ("argmax_cpp").
        args: the stage's inputs: inputs of the method, or outputs of earlier stages.
        outputs_count: how many outputs it has.
        batch_size: None for a function that takes the inputs of one instance; otherwise it takes a tuple of instances,
            at most so many, and 0 leaves the number to the server.
        tag: what callers are told has failed, in the place of the function's name.

    Returns:
        One placeholder, or a tuple of them when there are several outputs.

    Raises:
        RuntimeError: an argument is wrong.
    """
    registration = current()
    trace = trace_of(registration, "add_stage")
    tag = "" if tag is None else checked_str("tag", tag)
    inputs = placeholders(args)
    checked_int("outputs_count", outputs_count, 1)
    if isinstance(stage, Model):
        return add_model(registration, stage, inputs, outputs_count)
    if inspect.isfunction(stage):
        use = _checked(stage, FunctionStage(stage, stage_key(stage), inputs, outputs_count, batch_size, tag))
    elif isinstance(stage, str):
        use = _built_in(trace, stage, inputs, outputs_count, tag)
    else:
        raise RuntimeError(
            f"Check failed in method '{trace.method}', the parameter 'stage' of add_stage must be function or Model "
            f"returned by declare_model, now is {type(stage)}"
        )
    registration.note_function(use, trace.method)
    return _appended(trace, use)


def add_model(
    registration: Registration, model: Model, inputs: tuple[Placeholder, ...], outputs_count: int, subgraph: int = 0
) -> Any:
    """`add_stage` for a model."""
    trace = trace_of(registration, "add_stage")
    if model is not registration.handles.get(model.model_key):
        raise RuntimeError(
            f"Check failed in method '{trace.method}', the parameter 'stage' of add_stage must be function or Model "
            "returned by declare_model, and ensure that interface 'declare_model' can take effect when importing "
            "servable_config.py by the serving server"
        )
    registration.note_model(model.model_key, subgraph, len(inputs), outputs_count)
    return _appended(trace, ModelStage(model.model_key, subgraph, inputs, outputs_count))


def trace_of(registration: Registration, caller: str) -> Trace:
    """The method that is being traced. Raises RuntimeError if none is."""
    if registration.trace is None:
        raise RuntimeError(f"'{caller}' can be called only in a function that register_method decorates")
    return registration.trace


def _traced(function: Callable[..., object], outputs: tuple[str, ...], registration: Registration) -> MethodDefinition:
    servable_name()
    name = function.__name__
    inputs = input_names(function)
    registration.trace = trace = Trace(name, function)
    try:
        returned = function(*(Placeholder(0, index) for index in range(len(inputs))))
    finally:
        registration.trace = None
    _check_old_calls(trace)
    values = returned if isinstance(returned, tuple | list) else (returned,)
    returns = _all_placeholders(values, "Each value returned")
    if len(returns) != len(outputs):
        raise RuntimeError(f"Method return output size {len(returns)} not match registered {len(outputs)}")
    return MethodDefinition(name, inputs, outputs, tuple(trace.stages), returns)


def input_names(function: Callable[..., object]) -> tuple[str, ...]:
    """A method's inputs. Raises RuntimeError for parameters that have no place among them."""
    refused = (
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        if parameter.kind in refused:
            raise RuntimeError(f"'{function.__name__}' input {name} cannot be {parameter.kind.name} !")
    return tuple(parameters)


def _check_old_calls(trace: Trace) -> None:
    if trace.old_outputs is not None and len(trace.old_outputs) != len(trace.stages):
        raise RuntimeError(
            f"Failed to parse method {trace.method}, the number of stages obtained through the AST "
            f"{len(trace.old_outputs)} is inconsistent with the running result {len(trace.stages)}. Condition and loop "
            "statements are not supported in methods currently."
        )


def placeholders(args: Sequence[object]) -> tuple[Placeholder, ...]:
    """A stage's inputs. Raises RuntimeError if one of them is no placeholder."""
    return _all_placeholders(args, "Each value of parameter *args")


def _all_placeholders(values: Sequence[object], what: str) -> tuple[Placeholder, ...]:
    found = tuple(value for value in values if isinstance(value, Placeholder))
    if len(found) != len(values):
        raise RuntimeError(f"{what} {_ORIGIN}")
    return found


def stage_key(function: Callable[..., object]) -> str:
    """What callers are told a function is called. Raises RuntimeError outside a `servable_config.py`."""
    return f"{servable_name()}.{function.__name__}"


def _checked(function: Callable[..., object], use: FunctionStage) -> FunctionStage:
    if use.batch_size is not None:
        checked_int("batch_size", use.batch_size, 0)
        return use
    parameters = len(inspect.signature(function).parameters)
    if parameters != len(use.inputs):
        raise RuntimeError(
            f"function {function.__name__} input args count {parameters} not match the count {len(use.inputs)} "
            "registered in method"
        )
    return use


def _built_in(trace: Trace, name: str, inputs: tuple[Placeholder, ...], outputs_count: int, tag: str) -> FunctionStage:
    known = BUILT_IN.get(name)
    if known is None:
        raise RuntimeError(
            f"Check failed in method '{trace.method}', there is no built-in stage function '{name}', only "
            f"{', '.join(map(repr, BUILT_IN))}"
        )
    for which, now, fixed in (("inputs", len(inputs), known.inputs), ("outputs", outputs_count, known.outputs)):
        if now != fixed:
            raise RuntimeError(
                f"Stage function '{name}' {which} count {now} not match last registered count {fixed}, method name "
                f"'{trace.method}'"
            )
    return FunctionStage(known.function, name, inputs, outputs_count, None, tag)


def _appended(trace: Trace, use: StageUse) -> Any:
    trace.stages.append(use)
    outputs = tuple(Placeholder(len(trace.stages), index) for index in range(use.outputs_count))
    return outputs[0] if len(outputs) == 1 else outputs
