"""Programs that `torch.export.save` wrote. They tell all about their inputs and outputs, but only to PyTorch."""

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from salver.authoring.spec import Dim, Port
from salver.problems import Unusable
from salver.runtimes.declared import DTYPES
from salver.runtimes.torch_model import FRAMEWORK, INSTALL, TorchModel, text_of, torch_options
from salver.runtimes.workers import Signature

__all__ = ["FRAMEWORK", "INSTALL", "NAME", "load", "read_contract"]

NAME = "torch.export"

_SAVE = "save it with torch.export.save(torch.export.export(model, examples), file), and copy it completely"


def read_contract(path: Path) -> None:
    """Nothing: only PyTorch reads its own description of a program. Raises Unusable for what is no such file."""
    if not zipfile.is_zipfile(path):
        raise Unusable(path, "is no whole file of an exported program", _SAVE)


def load(path: Path, options: Mapping[str, Any]) -> TorchModel:
    """Options: `threads` (1) and `device` ("cpu")."""
    import torch
    from torch.export.passes import move_to_device_pass

    chosen = torch_options(path, options)
    read_contract(path)
    try:
        program = move_to_device_pass(torch.export.load(path), chosen.device)
    except Exception as error:  # of many kinds, as the file's parts are of many kinds
        raise Unusable(path, f"cannot be loaded as an exported program: {text_of(error)}", _SAVE) from error
    return TorchModel(_signature(path, program), _Call(program), chosen.device)


class _Call:
    """A program, from its tensors to its tensors, in the order in which it names them, however nested it has them."""

    def __init__(self, program: Any) -> None:
        self._module = program.module()
        self._form = program.call_spec.in_spec
        self._inputs = _user_arguments(program.graph_signature.input_specs)
        self._outputs = _user_arguments(program.graph_signature.output_specs)

    def __call__(self, *tensors: Any) -> list[Any]:
        from torch.utils import _pytree

        given = iter(tensors)
        values = [next(given) if _is_tensor(each) else each.value for each in self._inputs]
        positional, named = _pytree.tree_unflatten(values, self._form)
        results = _pytree.tree_leaves(self._module(*positional, **named))
        return [result for each, result in zip(self._outputs, results, strict=True) if _is_tensor(each)]


def _signature(path: Path, program: Any) -> Signature:
    """Raises Unusable for a program with inputs or outputs that cannot be passed on."""
    described = {node.name: node.meta.get("val") for node in program.graph.nodes}
    for each in _user_arguments(program.graph_signature.input_specs):
        if not _is_tensor(each) and not hasattr(each, "value"):
            raise Unusable(path, f"takes '{each.name}', which is no tensor", "export a model that takes tensors only")
    sides = (program.graph_signature.input_specs, program.graph_signature.output_specs)
    inputs, outputs = ([each.name for each in _user_arguments(side) if _is_tensor(each)] for side in sides)
    if not inputs or not outputs:
        raise Unusable(path, "has no inputs or no outputs", "export a model that has both")
    given = tuple(_port(path, name, described[name]) for name in inputs)
    return Signature(given, _distinct([_port(path, name, described[name]) for name in outputs]))


def _distinct(ports: Sequence[Port]) -> tuple[Port, ...]:
    """A tensor that a model gives twice has one name."""
    names = [port.name for port in ports]
    return tuple(
        replace(port, name=f"{port.name}_{index}") if port.name in names[:index] else port
        for index, port in enumerate(ports)
    )


def _user_arguments(specs: Iterable[Any]) -> list[Any]:
    """Those that a caller sees: neither weights nor buffers."""
    return [spec.arg for spec in specs if spec.kind.name in ("USER_INPUT", "USER_OUTPUT")]


def _is_tensor(argument: Any) -> bool:
    from torch.export.graph_signature import TensorArgument

    return isinstance(argument, TensorArgument)


def _port(path: Path, name: str, described: Any) -> Port:
    dtype = str(described.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        remedy = "export a model that casts it to a dtype that numpy has, such as float32"
        raise Unusable(path, f"has '{name}' of {dtype}, which cannot be passed on", remedy)
    return Port(name, dtype, tuple(_dim(length) for length in described.shape))


def _dim(length: Any) -> Dim:
    """A free length is named by PyTorch: "s40", or by what it is made of: "2*s40"."""
    return length if isinstance(length, int) else str(length)
