"""`salver call`: inputs from the command line or files, outputs as JSON."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from salver.cli.failure import tell
from salver.client.api import Client, TensorMetadata
from salver.client.arrays import Array, numpy_type
from salver.client.errors import InvalidCall, SalverError


def run(options: argparse.Namespace) -> int:
    """0 if there is an answer, else 1."""
    try:
        given = read_inputs(options.inputs)
        with Client(options.address, ca=options.ca, certificate=options.certificate, key=options.key) as client:
            known = client.metadata(options.servable, version=options.servable_version, timeout=options.timeout)
            declared = {each.name: each for each in known.inputs}
            inputs = {name: read_value(name, text, declared.get(name)) for name, text in given.items()}
            outputs = client.infer(options.servable, inputs, version=options.servable_version, timeout=options.timeout)
    except SalverError as error:
        return tell(options.address, error)
    for name, array in outputs.items():
        print(f"{name}: {json.dumps(_plain(array.tolist()))}")
    return 0


def read_inputs(texts: Sequence[str]) -> dict[str, str]:
    """The VALUE of every input. Raises InvalidCall."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InvalidCall(f"'{text}' is no input: expected NAME=VALUE, such as x='[[1, 2], [3, 4]]' or x=@file.npy")
        if name in given:
            raise InvalidCall(f"input '{name}' is given twice; several rows are one value, such as {name}='[[1], [2]]'")
        given[name] = value
    return given


def read_value(name: str, text: str, declared: TensorMetadata | None) -> Array:
    """The array that a VALUE says, of the declared type where it is JSON. Raises InvalidCall."""
    if not text.startswith("@"):
        return _from_json(name, text, declared)
    path = Path(text[1:])
    try:
        if path.suffix == ".npy":
            array: Array = np.load(path, allow_pickle=False)
            return array
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InvalidCall(f"input '{name}': {path} cannot be read: {error}") from None
    if path.suffix == ".json":
        return _from_json(name, content.decode(errors="replace"), declared)
    return _from_bytes(content, declared)


def _from_bytes(content: bytes, declared: TensorMetadata | None) -> Array:
    """A file's bytes, one by one if that is what the input declares, else as one value."""
    if declared is not None and declared.datatype == "UINT8":
        return np.frombuffer(content, np.uint8).reshape([*[1] * (len(declared.shape) - 1), -1])
    return _shaped(np.array(content, dtype=object), declared)


def _from_json(name: str, text: str, declared: TensorMetadata | None) -> Array:
    try:
        value = json.loads(text)
    except ValueError:
        if declared is None or declared.datatype != "BYTES":
            raise InvalidCall(f"input '{name}': '{text}' is no JSON; quote it for the shell, or use @file") from None
        value = text
    try:
        array = np.array(value, dtype=_element_type(value, declared))
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidCall(f"input '{name}': {error}") from None
    return _shaped(array, declared)


def _element_type(value: Any, declared: TensorMetadata | None) -> np.dtype[Any] | None:
    """The declared one. Inputs that take anything are declared as BYTES, too: there numbers go as what they are."""
    if declared is None:
        return None
    dtype = numpy_type(declared.datatype)
    return None if dtype.hasobject and np.array(value).dtype.kind in "biuf" else dtype


def _shaped(array: Array, declared: TensorMetadata | None) -> Array:
    """A single value goes where one element is expected, whatever the number of dimensions."""
    return array.reshape([1] * len(declared.shape)) if array.ndim == 0 and declared is not None else array


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
