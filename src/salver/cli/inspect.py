"""`salver inspect`: what a model file says of itself, read without what runs it."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from salver.authoring.spec import Dim, Port
from salver.cli.status import table
from salver.problems import Unusable
from salver.repository.endings import SAVED_MODEL, ending
from salver.runtimes import onnx_contract, saved_model_file
from salver.runtimes import table as runtimes
from salver.runtimes.saved_model_file import SavedSignature
from salver.runtimes.tensor_proto import constant

_RECORDS = "assets.extra/tf_serving_warmup_requests"


def run(options: argparse.Namespace) -> int:
    """Raises Unusable for what is no model, or none that can be read."""
    file = model_file(Path(options.path))
    print("\n".join(described(file)))
    return 0


def model_file(path: Path) -> Path:
    """The model that is meant: this file, the one in this folder, or that in its highest version. Raises Unusable."""
    endings = runtimes.suffixes()
    known = ", ".join(sorted(endings))
    if not path.exists():
        raise Unusable(path, "there is no such file or folder", f"give a model file ({known}) or its folder")
    if path.is_file() and not ending(path, endings):
        raise Unusable(path, "is of no kind that is known", f"give one of {known}")
    if not path.is_dir():
        return path
    folders = sorted((each for each in path.iterdir() if each.is_dir() and each.name.isdecimal()), key=_number)
    for folder in (path, *reversed(folders)):
        found = sorted(each for each in folder.iterdir() if ending(each, endings))
        if len(found) > 1:
            names = " and ".join(each.name for each in found)
            raise Unusable(folder, f"holds several model files: {names}", "give the one that you mean")
        if found:
            return found[0]
    raise Unusable(path, "holds no model file, and no version folder with one", "give a model file or its folder")


def described(file: Path) -> Iterator[str]:
    """The lines that are printed. Raises Unusable."""
    if file.name == SAVED_MODEL:
        yield from _saved_model(file)
        return
    if file.suffix == ".onnx":
        inputs, outputs = onnx_contract.read_contract(file)
    else:
        from salver.runtimes.workers import read_contract

        contract = read_contract(file)
        if contract is None:
            what = "does not say what it takes and gives to any but its framework"
            raise Unusable(file, what, "try it with `salver check`")
        inputs, outputs = contract
    yield f"{file}: {file.suffix.removeprefix('.')}"
    yield from _table([*_rows("input", inputs), *_rows("output", outputs)])


def _saved_model(file: Path) -> Iterator[str]:
    saved = saved_model_file.read_saved_model(file)
    variables = "variables" if saved.has_variables else "no variables"
    yield f"{file}: SavedModel of TensorFlow {saved.tensorflow}, tags {', '.join(saved.tags)}, {variables}"
    if (file.parent / _RECORDS).is_file():
        yield f"{file.parent / _RECORDS}: records for warm-up"
    for name, signature in saved.signatures.items():
        yield ""
        yield f"{name}: {signature.method_name or 'without a method name'}"
        yield from _table(_tensors(signature))
        try:
            saved_model_file.ports(file, name, signature)
        except Unusable as error:
            yield f"    cannot be served: it {error.problem.what}"


def _tensors(signature: SavedSignature) -> Iterator[tuple[str, ...]]:
    for side, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        for name, tensor in tensors.items():
            default = "may be left out" if name in signature.defaults and side == "input" else ""
            dtype = constant(tensor.dtype)
            yield side, name, dtype, _shape(tensor.dims, "-1"), tensor.name or tensor.kind, default


def _rows(side: str, ports: Iterable[Port]) -> Iterator[tuple[str, ...]]:
    return ((side, port.name, port.dtype or "any", _shape(port.dims, "any")) for port in ports)


def _shape(dims: Sequence[Dim] | None, free: str) -> str:
    return "any shape" if dims is None else f"[{', '.join(str(dim) or free for dim in dims)}]"


def _table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    found = list(rows)
    return (f"    {line}" for line in table(found).splitlines()) if found else iter(())


def _number(folder: Path) -> int:
    return int(folder.name)
