"""SavedModels run by TensorFlow."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from salver.authoring.spec import Dim
from salver.runtimes.saved_model_code import SignatureCode, Taken, Unfit
from salver.workers.stage import Column, Failure, StageFailed

NAME = "TensorFlow"
FRAMEWORK = "tensorflow"
INSTALL = "salver[tensorflow]"


class _Restored(SignatureCode):
    """`model` holds the variables that `call` uses."""

    def __init__(self, taken: Taken, name: str, model: Any) -> None:
        super().__init__(taken.signatures[name], taken.saved(name))
        self._model: Any = model
        self._call: Any = model.signatures[name]

    def compute(self, columns: Sequence[Column]) -> list[Column]:
        import tensorflow as tf

        pairs = zip(self.inputs, columns, strict=True)
        given = {port.name: tf.constant(_shaped(column, port.dims)) for port, column in pairs}
        try:
            results = self._call(**given)
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(_text(error)) from error
        except (tf.errors.OpError, TypeError) as error:
            raise StageFailed(Failure(_text(error))) from error
        return [_column(results[port.name].numpy()) for port in self.outputs]

    def close(self) -> None:
        self._call = self._model = None


def prepare() -> None:
    """It says much that is not for its users."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def load(taken: Taken, threads: int) -> Mapping[str, SignatureCode]:
    """Raises Unfit."""
    import tensorflow as tf

    _set_threads(threads)
    folder = taken.file.path.parent
    try:
        model = tf.saved_model.load(str(folder), tags=list(taken.file.tags))
    except Exception as error:  # of many kinds, as the file's parts are of many kinds
        raise Unfit(f"cannot load it: {_text(error)}") from error
    return {name: _Restored(taken, name, model) for name in taken.signatures}


def _set_threads(threads: int) -> None:
    """Of the whole process, as TensorFlow has it: who used it first has decided."""
    import tensorflow as tf

    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _shaped(column: Column, dims: Sequence[Dim] | None) -> Any:
    """A list of texts with as many dimensions as the graph wants, rows' among them."""
    if isinstance(column, list) and dims and len(dims) > 1:
        return np.array(column, np.object_).reshape(len(column), *(1 for _ in dims[1:]))
    return column


def _column(array: Any) -> Column:
    """Text comes as Python objects; where a row is one, they are a list."""
    column: Column = list(array) if array.dtype.kind == "O" and array.ndim == 1 else array
    return column


def _text(error: Exception) -> str:
    """What went wrong, without where in the graph."""
    text = str(getattr(error, "message", error)).partition("\n\t [[")[0].partition(" [Op:")[0]
    return text.strip().rpartition("\n")[2]
