"""What people write down about a model: its ports, as JSON, and the options that it is loaded with."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.workers import Signature

DTYPES = frozenset(
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
)
"""The element types of arrays that cross a link."""

_FORM = 'write {"inputs": [{"name": "x", "dtype": "float32", "dims": ["n", 4]}], "outputs": [...]}'


def check_options(path: Path, options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises Unusable for an option that the runtime does not have."""
    unknown = [f"'{each}'" for each in options if each not in known]
    if unknown:
        names = ", ".join(known) or "none at all"
        raise Unusable(path, f"is loaded with the unknown option {', '.join(unknown)}", f"its runtime knows {names}")


def json_object(path: Path, text: str | bytes) -> Mapping[str, Any]:
    """Raises Unusable if the text is none."""
    try:
        form = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unusable(path, f"holds a declaration that is no JSON: {error}", _FORM) from None
    if not isinstance(form, dict):
        raise Unusable(path, "holds a declaration that is no JSON object", _FORM)
    return form


def declared_signature(path: Path, form: Mapping[str, Any]) -> Signature:
    """The ports that the form declares, with the dims of whole tensors. Raises Unusable."""
    return Signature(_ports(path, form, "inputs"), _ports(path, form, "outputs"))


def _ports(path: Path, form: Mapping[str, Any], side: str) -> tuple[Port, ...]:
    listed = form.get(side)
    if not isinstance(listed, list) or not listed:
        raise Unusable(path, f"declares no {side}", _FORM)
    ports = tuple(_port(path, side, each) for each in listed)
    if len({port.name for port in ports}) != len(ports):
        raise Unusable(path, f"declares two {side} of one name", "give each a name of its own")
    return ports


def _port(path: Path, side: str, form: object) -> Port:
    match form:
        case {"name": str(name), "dtype": str(dtype), "dims": list(dims), **rest} if name and not rest:
            pass
        case _:
            raise Unusable(path, f"declares among its {side} {json.dumps(form)}", _FORM)
    if dtype not in DTYPES and (dtype not in ("str", "bytes") or len(dims) != 1):
        remedy = f"write one of {', '.join(sorted(DTYPES))}, or for one dimension of text str or bytes"
        raise Unusable(path, f"declares '{name}' with the dtype '{dtype}' and {len(dims)} dims", remedy)
    if not all(isinstance(dim, str) or (type(dim) is int and dim >= 0) for dim in dims):
        raise Unusable(
            path, f"declares '{name}' with the dims {json.dumps(dims)}", "write lengths, or names of free ones"
        )
    return Port(name, dtype, tuple(dims))
