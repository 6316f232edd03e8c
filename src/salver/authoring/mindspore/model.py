"""The handle of a declared model."""

from collections.abc import Callable, Sequence
from typing import Any

from salver.authoring.mindspore.arguments import checked_int

Instance = tuple[object, ...]
# (instances, subgraph) -> the outputs of each instance
Run = Callable[[Sequence[Instance], int], tuple[tuple[Any, ...], ...]]

_SINGLE = "call(x1, x2) for single instance or"
_SEVERAL = "call([[x1, x2], [x1, x2]]) for multi instances."


class Model:
    """A declared model: a stage of methods, and callable from Python functions while they serve."""

    def __init__(self, model_key: str) -> None:
        self.model_key = model_key
        self._run: Run | None = None

    def call(self, *args: object, subgraph: int = 0) -> Any:
        """Run the model for one instance or for several.

        `call(x1, x2)` is one instance, and returns its output, or the tuple of its outputs. A single argument that is a
        list or tuple is several, as in `call([[x1, x2], [x1, x2]])`, and returns a tuple with one tuple of outputs for
        each.

        Raises RuntimeError: the model cannot be called so, is not running, or failed.
        """
        checked_int("subgraph", subgraph, 0)
        several = len(args) == 1 and isinstance(args[0], tuple | list)
        instances = self._instances(args, several, subgraph)
        if self._run is None:
            raise RuntimeError(
                f"{called(self.model_key, subgraph)} failed: the model is not declared, ensure that interface "
                "'declare_model' can take effect when importing servable_config.py by the serving server"
            )
        outputs = self._run(instances, subgraph)
        if several:
            return outputs
        return outputs[0][0] if len(outputs[0]) == 1 else outputs[0]

    def bind(self, run: Run) -> None:
        """From now on calls are made by `run`."""
        self._run = run

    def _instances(self, args: Instance, several: bool, subgraph: int) -> list[Instance]:
        shown = f"Model({self.model_key}{f' ,subgraph={subgraph}' if subgraph else ''}).call() failed"
        if not args:
            raise RuntimeError(f"{shown}: no inputs provided, the inputs can be {_SINGLE} {_SEVERAL}")
        if not several:
            return [args]
        instances: list[Instance] = []
        for each in args[0]:  # type: ignore[attr-defined]
            if not isinstance(each, tuple | list):
                raise RuntimeError(f"{shown}: inputs format invalid, the inputs can be {_SINGLE}  {_SEVERAL}")
            instances.append(tuple(each))
        return instances


def called(model_key: str, subgraph: int) -> str:
    """How the original names a call of a model in its texts."""
    return f"Model({model_key}, subgraph={subgraph}).call()" if subgraph else f"Model({model_key}).call()"
