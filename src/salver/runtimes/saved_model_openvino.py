"""SavedModels run by OpenVINO, without TensorFlow.

Its reader of SavedModels knows one signature, and gives some tensors other names. So each signature is read from a copy
of `saved_model.pb` that has no other, under names of ours.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from types import ModuleType
from typing import Any, cast

import numpy as np

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.repository.endings import SAVED_MODEL
from salver.runtimes.saved_model_code import SignatureCode, Taken, Unfit
from salver.runtimes.saved_model_file import with_one_signature
from salver.workers.stage import Column, Failure, StageFailed

NAME = "OpenVINO"
FRAMEWORK = "openvino"
INSTALL = "salver[openvino]"

NARROWED = {"float64": "float32", "int64": "int32", "uint32": "int32", "uint64": "int32"}
"""What it computes with in the place of these."""

REFUSED = {"bytes": "text", "bfloat16": "bfloat16"}
"""What callers cannot give it, with their names for it."""

_BESIDE = ("variables", "assets")
_INT32 = np.iinfo(np.int32)
_NO_RULE = re.compile(r"No conversion rule found for operations: (.+)")
_NOISE = ("Exception from ", "Check '", "FrontEnd API failed", "Summary:")


class _Compiled(SignatureCode):
    """`compiled` has inputs and outputs in the order of the signature's."""

    def __init__(self, taken: Taken, name: str, compiled: Any) -> None:
        super().__init__(taken.signatures[name], taken.saved(name))
        self._request: Any = compiled.create_infer_request()

    def compute(self, columns: Sequence[Column]) -> list[Column]:
        from openvino import Tensor

        for port, column in zip(self.inputs, columns, strict=True):
            _check_range(port, column)
        try:
            for index, column in enumerate(columns):
                self._request.set_tensor(_names("input", index), Tensor(column))
            self._request.infer()
            # The request writes its next outputs into the same memory.
            return [self._request.get_tensor(_names("output", each)).data.copy() for each in range(len(self.outputs))]
        except RuntimeError as error:
            raise StageFailed(Failure(_text(error))) from error

    def close(self) -> None:
        self._request = None


def prepare() -> None:
    """Each import of OpenVINO would be reported to its makers; a server reports to nobody."""
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))  # which makes its import fail


def load(taken: Taken, threads: int) -> Mapping[str, SignatureCode]:
    """Raises Unfit, and Unusable where there is no room for it."""
    from openvino import Core

    for kind, name in REFUSED.items():
        if kind in taken.dtypes():
            raise Unfit(f"takes no {name} from callers")
    core = Core()
    # What lies in a file that changes under a model that is served must not change the model.
    core.set_property({"ENABLE_MMAP": False})
    # Without the hint it computes in bfloat16 where the processor can.
    wanted = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    try:
        return {name: _Compiled(taken, name, _compiled(core, taken, name, wanted)) for name in taken.signatures}
    except RuntimeError as error:
        operations = _NO_RULE.search(str(error))
        why = f"has no rule for the operations {operations[1].strip()}" if operations else f"says: {_text(error)}"
        raise Unfit(why) from error


def _compiled(core: Any, taken: Taken, name: str, wanted: Mapping[str, Any]) -> Any:
    path = taken.file.path
    try:
        with TemporaryDirectory(prefix="salver-") as folder:
            Path(folder, SAVED_MODEL).write_bytes(_alone(taken, name))
            for each in _BESIDE:
                Path(folder, each).symlink_to(path.parent.absolute() / each)
            return core.compile_model(core.read_model(folder), "CPU", wanted)
    except OSError as error:
        what = f"cannot be copied for OpenVINO: {error.strerror or error}"
        raise Unusable(path, what, f"make room in {gettempdir()}, or name another folder in TMPDIR") from None


def _alone(taken: Taken, name: str) -> bytes:
    saved = taken.saved(name)
    inputs = [_names("input", index) for index in range(len(saved.inputs))]
    outputs = [_names("output", index) for index in range(len(saved.outputs))]
    return with_one_signature(taken.file.path, saved, inputs, outputs)


def _names(side: str, index: int) -> str:
    return f"salver_{side}_{index}"


def _check_range(port: Port, column: Column) -> None:
    """Raises ValueError for integers that would become others."""
    if port.dtype not in NARROWED or isinstance(column, list) or column.dtype.kind == "f" or not column.size:
        return
    if column.max() > _INT32.max or column.min() < _INT32.min:
        raise ValueError(f"input {port} has numbers that do not fit into int32, in which OpenVINO computes")


def _text(error: Exception) -> str:
    """What went wrong, without where in OpenVINO's sources."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.strip().startswith(_NOISE)]
    return " ".join(lines) or str(error).strip()
