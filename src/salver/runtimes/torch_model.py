"""What TorchScript and exported programs have in common: tensors in, tensors out, of whatever PyTorch calls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.columns import check_columns, leaves
from salver.runtimes.declared import check_options
from salver.runtimes.workers import ModelCode, Signature
from salver.workers.stage import Column, Failure, StageFailed

FRAMEWORK = "torch"
INSTALL = "salver[torch]"


@dataclass(frozen=True)
class TorchOptions:
    """`threads` of one run, for all models of the process; `device` is in PyTorch's words."""

    threads: int = 1
    device: str = "cpu"


class TorchModel(ModelCode):
    """`call` takes tensors in the order of the inputs, and gives tensors in any nest of tuples, lists and dicts."""

    def __init__(self, signature: Signature, call: Callable[..., Any], device: str) -> None:
        super().__init__(signature)
        self._call: Callable[..., Any] | None = call
        self._device = device

    def run(self, columns: Sequence[Column]) -> list[Column]:
        import torch

        check_columns(self.inputs, columns)
        assert self._call is not None
        with torch.inference_mode():
            tensors = [self._tensor(port, column) for port, column in zip(self.inputs, columns, strict=True)]
            try:
                results = self._call(*tensors)
            except AssertionError as error:
                raise ValueError(str(error)) from error
            except Exception as error:
                raise StageFailed(Failure(text_of(error))) from error
            return self._arrays(results)

    def close(self) -> None:
        self._call = None

    def _tensor(self, port: Port, column: Column) -> Any:
        """A copy, for a model may write to its inputs, which others may share. Raises ValueError for text."""
        import torch

        if isinstance(column, list):
            raise ValueError(f"input {port} was given text, which PyTorch has no tensors of")
        return torch.tensor(column, device=self._device)

    def _arrays(self, results: Any) -> list[Column]:
        names = [port.name for port in self.outputs]
        if isinstance(results, Mapping) and set(names) <= set(results):
            results = [results[name] for name in names]
        found = list(leaves(results))
        if len(found) != len(names):
            text = f"the model should give {', '.join(names)}, but gave {len(found)} outputs"
            raise StageFailed(Failure(text, kind="output"))
        try:
            return [tensor.detach().cpu().numpy() for tensor in found]
        except (AttributeError, RuntimeError, TypeError) as error:
            raise StageFailed(Failure(f"the model gave what is no array: {error}", kind="output")) from error


def torch_options(path: Path, options: Mapping[str, Any]) -> TorchOptions:
    """Checked, and in force. Raises Unusable."""
    import torch

    check_options(path, options, ("threads", "device"))
    chosen = TorchOptions(**options)
    try:
        torch.empty(0, device=chosen.device)
        torch.set_num_threads(chosen.threads)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        what = f"cannot be run by {chosen.threads} threads on '{chosen.device}': {text_of(error)}"
        raise Unusable(path, what, "give threads as a number, and a device that PyTorch has on this machine") from None
    return chosen


def text_of(error: Exception) -> str:
    """What went wrong; TorchScript puts the models' source before it."""
    return str(error).strip().rpartition("\nRuntimeError: ")[2]
