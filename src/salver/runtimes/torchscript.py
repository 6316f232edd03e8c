"""TorchScript models. The file tells what its inputs are called, but neither dtypes nor shapes.

Those may be declared in the file `config.json` inside it, with the dims of whole tensors:

    torch.jit.save(torch.jit.script(model), "model.pt", _extra_files={"config.json": json.dumps(
        {"inputs": [{"name": "image", "dtype": "float32", "dims": ["n", 784]}],
         "outputs": [{"name": "scores", "dtype": "float32", "dims": ["n", 10]}]})})
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.declared import declared_signature, json_object
from salver.runtimes.torch_model import FRAMEWORK, INSTALL, TorchModel, torch_options
from salver.runtimes.workers import Signature

__all__ = ["FRAMEWORK", "INSTALL", "NAME", "load", "read_contract"]

NAME = "torchscript"

_DECLARE = 'save it with _extra_files={"config.json": ...} that has "inputs" and "outputs"'
_SAVE = "save it with torch.jit.save(torch.jit.script(model), file), and copy it completely"


def read_contract(path: Path) -> Signature | None:
    """What `config.json` inside the file declares, if anything."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = [name for name in archive.namelist() if name.endswith("/extra/config.json")]
            form = json_object(path, archive.read(found[0])) if found else {}
    except (zipfile.BadZipFile, OSError) as error:
        raise Unusable(path, f"is no TorchScript file: {error}", _SAVE) from None
    return declared_signature(path, form) if "inputs" in form else None


def load(path: Path, options: Mapping[str, Any]) -> TorchModel:
    """Options: `threads` (1) and `device` ("cpu")."""
    import torch

    chosen = torch_options(path, options)
    declared = read_contract(path)
    try:
        module = torch.jit.load(path, map_location=chosen.device).eval()
    except (RuntimeError, ValueError) as error:
        raise Unusable(path, f"cannot be loaded as TorchScript: {error}", _SAVE) from None
    schema = module.forward.schema
    arguments = {each.name: each for each in schema.arguments[1:]}
    signature = declared or Signature(_inputs(path, arguments), _outputs(path, schema.returns[0].type))
    _check_inputs(path, signature.inputs, arguments)
    names = [port.name for port in signature.inputs]
    return TorchModel(signature, lambda *tensors: module(**dict(zip(names, tensors, strict=True))), chosen.device)


def _inputs(path: Path, arguments: Mapping[str, Any]) -> tuple[Port, ...]:
    """The arguments that must be given. Raises Unusable if there are none."""
    needed = tuple(Port(name, None, None) for name, each in arguments.items() if not each.has_default_value())
    if not needed:
        raise Unusable(path, "needs no input", f"declare what it may take: {_DECLARE}")
    return needed


def _outputs(path: Path, returned: Any) -> tuple[Port, ...]:
    """Raises Unusable if the type that the model returns does not say how many tensors those are."""
    count = _tensors(returned)
    if count is None:
        raise Unusable(
            path, f"returns {returned}, which may be any number of tensors", f"declare its outputs: {_DECLARE}"
        )
    return tuple(Port(f"y{index}", None, None) for index in range(count))


def _tensors(returned: Any) -> int | None:
    if returned.kind() == "TensorType":
        return 1
    if returned.kind() != "TupleType":
        return None
    counts = [_tensors(element) for element in returned.elements()]
    return None if None in counts else sum(filter(None, counts))


def _check_inputs(path: Path, inputs: Sequence[Port], arguments: Mapping[str, Any]) -> None:
    """Raises Unusable unless these are arguments that are tensors, and all that must be given are among them."""
    names = [port.name for port in inputs]
    missing = [name for name, each in arguments.items() if not each.has_default_value() and name not in names]
    unknown = [name for name in names if name not in arguments]
    if missing or unknown:
        what = f"declares the inputs {', '.join(names)}, but takes {', '.join(arguments) or 'nothing'}"
        raise Unusable(path, what, "declare its own arguments, and all that have no default")
    for name in names:
        if str(arguments[name].type) not in ("Tensor", "Optional[Tensor]"):
            what = f"takes '{name}', which is no tensor but {arguments[name].type}"
            raise Unusable(path, what, "save a model that takes tensors only")
