"""The older way to define a method's stages: at most one before the model, the model, at most one after it.

These functions do not say how many outputs they have. The number is read off the method's source, where each must be
called by a plain assignment.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from salver.authoring.mindspore.deprecation import warn_deprecated
from salver.authoring.mindspore.methods import add_model, add_stage, placeholders, trace_of
from salver.authoring.mindspore.registration import Registration, Trace, current

_SERVABLE = "call_servable"
_CALLS = ("call_preprocess", "call_preprocess_pipeline", _SERVABLE, "call_postprocess", "call_postprocess_pipeline")
_PRE = "call_preprocess or call_preprocess_pipeline"
_POST = "call_postprocess or call_postprocess_pipeline"


def call_preprocess(preprocess_fun: Callable[..., object], *args: object) -> Any:
    """Send the inputs of one instance through a function, before the model."""
    outputs = _preprocess("call_preprocess")
    return add_stage(preprocess_fun, *args, outputs_count=outputs, tag="Preprocess")


def call_preprocess_pipeline(preprocess_fun: Callable[..., object], *args: object) -> Any:
    """Send several instances at once through a function, before the model."""
    outputs = _preprocess("call_preprocess_pipeline")
    return add_stage(preprocess_fun, *args, outputs_count=outputs, batch_size=0, tag="Preprocess")


def call_servable(*args: object, subgraph: int = 0) -> Any:
    """Send values through the one model that is declared."""
    registration, trace = _called(_SERVABLE)
    _refuse(trace, "servable", f"{_SERVABLE} should not be invoked more than once")
    _refuse(trace, "post", f"{_POST} should be invoked after {_SERVABLE}")
    trace.old_calls.add("servable")
    if not registration.models:
        raise RuntimeError("There is no model declared, you can use declare_model to declare models.")
    outputs = _outputs(trace, _SERVABLE)
    if len(registration.handles) > 1:
        raise RuntimeError(
            f"There are more than one servable declared when the interface '{_SERVABLE}' is used, use 'add_stage' to "
            f"replace '{_SERVABLE}'"
        )
    (model,) = registration.handles.values()
    return add_model(registration, model, placeholders(args), outputs, subgraph)


def call_postprocess(postprocess_fun: Callable[..., object], *args: object) -> Any:
    """Send the values of one instance through a function, after the model."""
    outputs = _postprocess("call_postprocess")
    return add_stage(postprocess_fun, *args, outputs_count=outputs, tag="Postprocess")


def call_postprocess_pipeline(postprocess_fun: Callable[..., object], *args: object) -> Any:
    """Send several instances at once through a function, after the model."""
    outputs = _postprocess("call_postprocess_pipeline")
    return add_stage(postprocess_fun, *args, outputs_count=outputs, batch_size=0, tag="Postprocess")


def _preprocess(name: str) -> int:
    _, trace = _called(name)
    _refuse(trace, "pre", f"{_PRE} should not be invoked more than once")
    _refuse(trace, "servable", f"{_SERVABLE} should be invoked after {name}")
    _refuse(trace, "post", f"{_POST} should be invoked after {name}")
    trace.old_calls.add("pre")
    return _outputs(trace, name)


def _postprocess(name: str) -> int:
    _, trace = _called(name)
    _refuse(trace, "post", f"{_POST} should not be invoked more than once")
    trace.old_calls.add("post")
    return _outputs(trace, name)


def _called(name: str) -> tuple[Registration, Trace]:
    warn_deprecated(name, "1.5.0", "add_stage")
    registration = current()
    trace = trace_of(registration, name)
    if trace.old_outputs is None:
        trace.old_outputs = outputs_in_source(trace.body)
    return registration, trace


def _refuse(trace: Trace, kind: str, rule: str) -> None:
    if kind in trace.old_calls:
        raise RuntimeError(f"Check failed in method '{trace.method}', {rule}")


def _outputs(trace: Trace, name: str) -> int:
    counts = trace.old_outputs or {}
    if name not in counts:
        raise RuntimeError(_too_complex(trace.method, name))
    return counts[name]


def outputs_in_source(method: Callable[..., object]) -> dict[str, int]:
    """The number of outputs of each older call in the body of a method.

    Raises RuntimeError if the body has other statements beside them, or does not call the model.
    """
    lines, first = inspect.getsourcelines(method)
    source = textwrap.dedent("".join(lines))
    counts: dict[str, int] = {}
    other: ast.stmt | None = None
    for statement in _body(source):
        match _reading(statement):
            case (str(name), int(outputs)):
                counts[name] = outputs
            case False:
                other = other or statement
    if counts and other is not None:
        names = ";".join(counts)
        code = "".join(lines[other.lineno - 1 : other.end_lineno])
        line = other.lineno + first - 1
        place = f", code {type(other)}: line {line} in {method.__name__}, code: \n{code}"
        raise RuntimeError(_too_complex(method.__name__, names) + place)
    if counts and _SERVABLE not in counts:
        raise RuntimeError(f"Not find the invoke of '{_SERVABLE}'")
    return counts


def _body(source: str) -> list[ast.stmt]:
    match ast.parse(source).body:
        case [ast.FunctionDef(body=body)]:
            return body
    return []


def _too_complex(method: str, names: str) -> str:
    return (
        f"Failed to parse method '{method}', complex statements such as conditions and loops are not supported in "
        f"register_method when the interface '{names}' is used, use 'add_stage' to replace '{names}'"
    )


def _reading(statement: ast.stmt) -> tuple[str, int] | bool:
    """The name and the number of outputs of an older call; or whether the statement may stand beside one."""
    if isinstance(statement, ast.Return | ast.Expr):
        return True
    if not isinstance(statement, ast.Assign):
        return False
    outputs = _targets(statement.targets[0])
    if outputs is None or not isinstance(statement.value, ast.Call):
        return True
    function = statement.value.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    return (name, outputs) if name in _CALLS else False


def _targets(target: ast.expr) -> int | None:
    match target:
        case ast.Name():
            return 1
        case ast.Tuple(elts=several):
            return len(several)
    return None
