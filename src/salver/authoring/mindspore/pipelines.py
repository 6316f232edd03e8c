"""Pipelines of releases 1.3 and 1.4: methods whose bodies run for each instance, and call other methods."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from salver.authoring.mindspore.arguments import checked_int, checked_str, checked_strs
from salver.authoring.mindspore.definitions import PipelineDefinition
from salver.authoring.mindspore.deprecation import warn_deprecated
from salver.authoring.mindspore.methods import input_names, stage_key
from salver.authoring.mindspore.model import Instance
from salver.authoring.mindspore.registration import current

Function = TypeVar("Function", bound=Callable[..., object])
# (the method that is called, instances) -> the outputs of each instance
RunMethod = Callable[["PipelineServable", Sequence[Instance]], tuple[tuple[Any, ...], ...]]


class PipelineServable:
    """A method of the servable, which its pipelines can call.

    Args:
        servable_name: the servable's name.
        method: the method's name.
        version_number: the version of the servable; 0 for whichever runs.

    Raises:
        RuntimeError: an argument is wrong.
    """

    def __init__(self, servable_name: str, method: str, version_number: int = 0) -> None:
        self.servable_name = checked_str("servable_name", servable_name)
        self.method = checked_str("method", method)
        self.version_number = checked_int("version_number", version_number, 0)
        self._run: RunMethod | None = None
        warn_deprecated("PipelineServable", "1.5.0", "Model.call")
        current().called.append(self)

    def run(self, *args: object) -> Any:
        """Call the method for one instance, whose inputs these are, in order; gives its output, or a tuple of several.

        A single argument that is a list is one instance for each of its elements, and a tuple of outputs comes back
        for each.

        Raises RuntimeError: there is no such method, it failed, or this is no pipeline that serves.
        """
        several = len(args) == 1 and isinstance(args[0], list)
        instances = [(value,) for value in args[0]] if several else [args]  # type: ignore[attr-defined]
        if self._run is None:
            raise RuntimeError("Run failed: only a pipeline can call methods, while it serves")
        outputs = self._run(self, instances)
        if several:
            return list(outputs)
        return outputs[0][0] if len(outputs[0]) == 1 else outputs[0]

    def bind(self, run: RunMethod) -> None:
        """From now on calls are made by `run`."""
        self._run = run


def register_pipeline(output_names: str | Sequence[str]) -> Callable[[Function], Function]:
    """Make the decorated function a method of the servable that is called for each instance, as it is.

    Its name is the method's name, its parameters are the method's inputs, what it returns are the outputs.

    Raises:
        RuntimeError: from the decorator: a name or parameter is wrong.
    """
    outputs = checked_strs("output_names", output_names)

    def register(function: Function) -> Function:
        warn_deprecated("register_pipeline", "1.5.0", "Model.call")
        name = function.__name__
        pipeline = PipelineDefinition(name, input_names(function), outputs, function, stage_key(function))
        current().add_pipeline(pipeline)
        return function

    return register
