"""A dictionary as a model: for every row the outputs that are written down for its key. It needs no framework.

    {"inputs": [{"name": "word", "dtype": "str", "dims": ["n"]}],
     "outputs": [{"name": "vector", "dtype": "float32", "dims": ["n", 2]}],
     "rows": {"cat": [[1, 2]], "dog": [[3, 4]]}}

Each key has a list of its outputs. The keys of an integer input are written as text, too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.columns import check_columns
from salver.runtimes.declared import check_options, declared_signature, json_object
from salver.runtimes.workers import ModelCode, Signature
from salver.workers.stage import Column

NAME = "table"
FRAMEWORK = None
INSTALL = "salver"


class Dictionary(ModelCode):
    """`rows` has the outputs of each key, in the order of the ports."""

    rows_together = True

    def __init__(self, signature: Signature, rows: Mapping[str, Sequence[Any]]) -> None:
        super().__init__(signature)
        self._rows = rows

    def run(self, columns: Sequence[Column]) -> list[Column]:
        check_columns(self.inputs, columns)
        try:
            rows = [self._rows[str(key)] for key in columns[0]]
        except KeyError as error:
            raise ValueError(f"'{error.args[0]}' is not in the table") from None
        return [_column(port, values) for port, values in zip(self.outputs, zip(*rows, strict=True), strict=True)]


def read_contract(path: Path) -> Signature:
    return _signature(path, json_object(path, path.read_bytes()))


def load(path: Path, options: Mapping[str, Any]) -> Dictionary:
    check_options(path, options, ())
    form = json_object(path, path.read_bytes())
    signature = _signature(path, form)
    rows = form.get("rows")
    if not isinstance(rows, dict) or not rows:
        raise Unusable(path, "has no rows", 'write "rows": {"key": [output, ...], ...}')
    return Dictionary(signature, {key: _row(path, key, values, signature.outputs) for key, values in rows.items()})


def _signature(path: Path, form: Mapping[str, Any]) -> Signature:
    """Raises Unusable for ports that no table has."""
    signature = declared_signature(path, form)
    keys, *others = signature.inputs
    if others or keys.dims is None or len(keys.dims) != 1 or not str(keys.dtype).startswith(("str", "int", "uint")):
        raise Unusable(path, "needs one input of one dimension, of text or integers", 'give it the dims ["n"]')
    for port in signature.outputs:
        if port.dims is None or port.dims[:1] != keys.dims or port.dtype == "bytes":
            what = f"declares the output '{port}', which cannot be written down for each '{keys.name}'"
            raise Unusable(path, what, f"begin its dims with '{keys.dims[0]}', and let its dtype be numpy's or str")
    return signature


def _row(path: Path, key: str, written: object, ports: Sequence[Port]) -> list[Any]:
    """The outputs of one key. Raises Unusable if they are not what the ports say."""
    try:
        values = written if isinstance(written, list) else []
        return [_value(port, value) for port, value in zip(ports, values, strict=True)]
    except (TypeError, ValueError, OverflowError) as error:
        outputs = ", ".join(str(port) for port in ports)
        raise Unusable(path, f"has for the key '{key}' no row of {outputs}: {error}", "give it its outputs") from None


def _value(port: Port, written: object) -> Any:
    if port.dtype == "str":
        if not isinstance(written, str):
            raise TypeError(f"its '{port.name}' is no text")
        return written
    value = np.array(written, port.dtype)
    if value.shape != (port.dims or ())[1:]:
        raise ValueError(f"its '{port.name}' has the shape {list(value.shape)}")
    return value


def _column(port: Port, values: Sequence[Any]) -> Column:
    return list(values) if port.dtype == "str" else np.stack(values)
