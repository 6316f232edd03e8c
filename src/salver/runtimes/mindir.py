"""MindIR models, run by MindSpore.

MindSpore is not thread-safe at all: a model run by two threads crashes, and two models in two threads wait for each
other for ever. So everything in one process goes through one lock. And once a run has failed, its compiled graph
refuses every later one, so it is compiled anew; MindSpore itself takes three seconds before it tells of the failure.
"""

import threading
import warnings
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.columns import check_columns, leaves
from salver.runtimes.declared import check_options
from salver.runtimes.mindir_file import is_encrypted, signature_of
from salver.runtimes.samples import Guess, guesses, two_rows
from salver.runtimes.workers import ModelCode, Signature
from salver.workers.stage import Column, Failure, StageFailed

NAME = "mindspore"
FRAMEWORK = "mindspore"
INSTALL = "salver[mindspore]"

_OPTIONS = ("device_target", "device_id", "dec_key", "dec_mode")
_ONE_AT_A_TIME = threading.Lock()
_WARM_UPS = 2  # each that fails costs seconds
_ANY_RANK = -2
_KEY_LENGTHS = (16, 24, 32)
_MODES = ("AES-GCM", "AES-CBC", "SM4-CBC")


class MindIR(ModelCode):
    """`graph` is what MindSpore has read. It is compiled here, for whatever lengths its free dims may have."""

    def __init__(self, path: Path, signature: Signature, graph: Any) -> None:
        super().__init__(signature)
        self._path = path
        self._graph = graph
        self._made_up = [_made_up(signature, guess) for guess in islice(guesses(signature.inputs), _WARM_UPS)]
        with _ONE_AT_A_TIME:
            self._net = self._compiled()

    def run(self, columns: Sequence[Column]) -> list[Column]:
        check_columns(self.inputs, columns)
        with _ONE_AT_A_TIME:
            try:
                return self._outputs(self._net, columns)
            except Exception as error:
                failure = Failure(_text(error))
            self._net = None  # before the next is compiled: with a net goes what was compiled last
            self._net = self._compiled()
        raise StageFailed(failure)

    def close(self) -> None:
        with _ONE_AT_A_TIME:
            self._net = self._graph = None

    def _compiled(self) -> Any:
        """MindSpore compiles at the first run: of made-up input, or, where that will not do, of the first caller's."""
        while self._made_up:
            net = self._fresh()
            try:
                self._outputs(net, self._made_up[0])
            except Exception as error:
                self._made_up.pop(0)
                warnings.warn(f"{self._path}: not warmed up, for made-up input failed: {_text(error)}", stacklevel=4)
            else:
                return net
        return self._fresh()

    def _fresh(self) -> Any:
        """Told what it takes, a net neither compiles anew for each length nor runs what it was not exported for."""
        from mindspore import nn

        net = nn.GraphCell(self._graph)
        net.set_inputs(*(_placeholder(port) for port in self.inputs))
        return net

    def _outputs(self, net: Any, columns: Sequence[Column]) -> list[Column]:
        from mindspore import Tensor

        results = leaves(net(*(Tensor(column) for column in columns)))
        return [_array(port, result) for port, result in zip(self.outputs, results, strict=True)]


def read_contract(path: Path) -> Signature | None:
    content = path.read_bytes()
    return None if is_encrypted(content) else signature_of(path, content)


def load(path: Path, options: Mapping[str, Any]) -> MindIR:
    """Options: `device_target` ("CPU"), `device_id` (0), and for encrypted files `dec_key` and `dec_mode`."""
    check_options(path, options, _OPTIONS)
    content = path.read_bytes()
    secret = _secret(path, options) if is_encrypted(content) else {}
    with _ONE_AT_A_TIME:
        _choose_device(path, options.get("device_target", "CPU"), options.get("device_id", 0))
        signature = signature_of(path, _decrypted(path, **secret) if secret else content)
        graph = _graph(path, secret)
    return MindIR(path, signature, graph)


def _secret(path: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """What MindSpore needs to decrypt the file; errors tell nothing of it. Raises Unusable."""
    key, mode = options.get("dec_key"), options.get("dec_mode", _MODES[0])
    if key is None:
        raise Unusable(path, "is encrypted", "give the key that it was exported with as dec_key")
    if not isinstance(key, bytes) or len(key) not in _KEY_LENGTHS or mode not in _MODES:
        remedy = f"give 16, 24 or 32 bytes, and one of {', '.join(_MODES)}"
        raise Unusable(path, "is loaded with a dec_key or a dec_mode that MindSpore does not take", remedy)
    return {"dec_key": key, "dec_mode": mode}


def _decrypted(path: Path, dec_key: bytes, dec_mode: str) -> bytes:
    """As `mindspore.load` does it, which does not give the content away. Raises Unusable."""
    from mindspore import _c_expression

    content: bytes | None = _c_expression._decrypt(str(path), dec_key, len(dec_key), dec_mode)
    if content is None:
        remedy = "give the dec_key and dec_mode that it was exported with"
        raise Unusable(path, "cannot be decrypted: the key is wrong, or the file not whole", remedy)
    return content


def _choose_device(path: Path, target: str, number: int) -> None:
    """For the whole process, as MindSpore has it. Raises Unusable."""
    import mindspore

    try:
        mindspore.set_context(mode=mindspore.GRAPH_MODE)
        mindspore.set_device(target, number)
    except (RuntimeError, TypeError, ValueError) as error:
        what = f"cannot be run on {target} {number}: {_text(error)}"
        raise Unusable(
            path, what, "give a device_target that this machine has; all models of a process share it"
        ) from None


def _graph(path: Path, secret: Mapping[str, Any]) -> Any:
    import mindspore

    try:
        return mindspore.load(str(path), **secret)
    except (RuntimeError, ValueError) as error:
        raise Unusable(path, f"cannot be loaded: {_text(error)}", "export it again, and copy it completely") from None


def _made_up(signature: Signature, guess: Guess) -> list[Column]:
    tensors, _ = two_rows(signature.inputs, guess)
    return [np.frombuffer(data, dtype).reshape(shape) for dtype, shape, data in tensors if isinstance(data, bytes)]


def _placeholder(port: Port) -> Any:
    import mindspore

    shape = [_ANY_RANK] if port.dims is None else [None if isinstance(dim, str) else dim for dim in port.dims]
    return mindspore.Tensor(shape=shape, dtype=getattr(mindspore, "bool_" if port.dtype == "bool" else str(port.dtype)))


def _array(port: Port, result: Any) -> Column:
    """MindSpore gives Python numbers where the model has constants."""
    array: Column = result.asnumpy() if hasattr(result, "asnumpy") else np.asarray(result, port.dtype)
    return array


def _text(error: Exception) -> str:
    """Without what MindSpore adds for its own developers."""
    return str(error).split("\n\n---")[0].strip()
