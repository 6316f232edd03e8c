"""What an annotation says about one row: `Float32[np.ndarray, "3 224 224"]`, `np.float32`, `str`, ..."""

import re
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from salver.authoring import context
from salver.authoring.spec import Dim, Port

NUMBERS = frozenset({"bool", "float16", "float32", "float64", "bfloat16"}) | {
    f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}

_PYTHON = {int: "int64", float: "float64", bool: "bool"}
_KNOWN = 'salver knows jaxtyping such as Float32[np.ndarray, "3 224 224"], numpy types such as np.float32, int, float, '
_KNOWN += "bool, str, bytes and salver.Json"


class Meaningless(Exception):
    """An annotation that is no contract."""

    def __init__(self, what: str, remedy: str = _KNOWN) -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(what)


@dataclass(frozen=True)
class Meaning:
    """What one row's value is; None says "not declared".

    `python` says that it is a Python number rather than numpy's, `array` that even a single number comes as an array,
    `foreign` that it is an array of another library than numpy.
    """

    dtype: str | None = None
    dims: tuple[Dim, ...] | None = None
    json: bool = False
    python: bool = False
    array: bool = False
    foreign: bool = False

    def port(self, name: str, optional: bool = False) -> Port:
        return Port(name, self.dtype, self.dims, optional, self.json)


UNDECLARED = Meaning()


def meaning(annotation: Any, optional: bool = False) -> Meaning:
    """Read one annotation; `optional` says that None is the value's default. Raises Meaningless."""
    annotation = _plain(annotation)
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return _union(typing.get_args(annotation), optional)
    if origin is np.ndarray or annotation is np.ndarray:
        return Meaning(_array_dtype(annotation), array=True)
    if type(annotation).__module__.partition(".")[0] == "jaxtyping":
        return _jaxtyping(annotation)
    if annotation is Any:
        return UNDECLARED
    if isinstance(annotation, type):
        return _type(annotation)
    raise _meaningless(annotation)


def unwrapped(annotation: Any) -> Any:
    """The annotation without `Annotated`, `type X = ...` and `NewType` around it."""
    return _plain(annotation)


def _plain(annotation: Any) -> Any:
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation


def _union(members: Sequence[Any], optional: bool) -> Meaning:
    given = [member for member in members if member is not types.NoneType]
    if len(given) < len(members) and not optional:
        raise Meaningless("allows None, which no row can be", "for an input that may be left out write `= None`")
    meanings = {meaning(member) for member in given}
    if len(meanings) > 1:
        raise Meaningless("allows values of several kinds", "write the one that callers send, or take it out")
    return meanings.pop()


def _type(annotation: type) -> Meaning:
    if annotation in _PYTHON:
        return Meaning(_PYTHON[annotation], (), python=True)
    if annotation is context.Json:
        return Meaning("str", (), json=True)
    if issubclass(annotation, np.generic):
        return Meaning(_scalar_dtype(annotation), ())
    if issubclass(annotation, str | bytes):
        return Meaning("str" if issubclass(annotation, str) else "bytes", ())
    if annotation is object or hasattr(annotation, "__array__") or hasattr(annotation, "asnumpy"):
        return Meaning(foreign=annotation is not object)
    raise _meaningless(annotation)


def _scalar_dtype(scalar: type[np.generic]) -> str | None:
    if issubclass(scalar, np.str_ | np.bytes_):
        return "str" if issubclass(scalar, np.str_) else "bytes"
    if scalar in (np.generic, np.number, np.integer, np.signedinteger, np.unsignedinteger, np.inexact, np.floating):
        return None
    return _known_dtype(np.dtype(scalar).name, scalar)


def _known_dtype(name: str, annotation: Any) -> str:
    if name not in NUMBERS:
        raise Meaningless(
            f"{_shown(annotation)} has the element type {name}, which no protocol carries",
            f"use one of {', '.join(sorted(NUMBERS))}",
        )
    return name


def _array_dtype(annotation: Any) -> str | None:
    """The element type of `npt.NDArray[np.float32]`, which is `np.ndarray[Any, np.dtype[np.float32]]`."""
    arguments = typing.get_args(annotation)
    elements = typing.get_args(arguments[1]) if len(arguments) == 2 else ()
    scalar = typing.get_origin(elements[0]) or elements[0] if elements else None
    if not isinstance(scalar, type) or not issubclass(scalar, np.generic):
        return None
    if issubclass(scalar, np.flexible | np.object_):
        raise Meaningless(
            f"{_shown(annotation)} is an array of text or objects", "a row holds one text: use str or bytes"
        )
    return _scalar_dtype(scalar)


def _jaxtyping(annotation: Any) -> Meaning:
    dims, dtypes = getattr(annotation, "dim_str", None), getattr(annotation, "dtypes", ())
    if dims is None:
        example = f'{getattr(annotation, "__name__", "Float32")}[np.ndarray, "2 2"]'
        raise Meaningless(f"{_shown(annotation)} says no shape", f"write {example}")
    foreign = annotation.array_type not in (np.ndarray, Any)
    return Meaning(_jaxtyping_dtype(annotation, dtypes), _dims(dims), array=True, foreign=foreign)


def _jaxtyping_dtype(annotation: Any, dtypes: Any) -> str | None:
    if not isinstance(dtypes, tuple | list):
        return None
    names = {str(name).removesuffix("_") for name in dtypes}
    if len(names) == 1:
        return _known_dtype(names.pop(), annotation)
    if not names & NUMBERS:
        return _known_dtype(" or ".join(sorted(names)), annotation)
    return None


def _dims(text: str) -> tuple[Dim, ...] | None:
    """jaxtyping's notation; None where the number of dimensions, or whether one may be 1, is left open."""
    words = [word.rpartition("=")[2] if re.match(r"\w+=[^=]", word) else word for word in text.split()]
    if any(word == "..." or re.match(r"[?_]*[*#]", word) for word in words):
        return None
    return tuple(_dim(word.removeprefix("?")) for word in words)


def _dim(word: str) -> Dim:
    if word.isdecimal():
        return int(word)
    return word if word.isidentifier() and not word.startswith("_") else ""


def _meaningless(annotation: Any) -> Meaningless:
    if typing.get_origin(annotation) in (list, Sequence) or annotation is list:
        remedy = 'annotations describe one row: write str, or Float32[np.ndarray, "n"] for a row of many numbers'
        return Meaningless(f"{_shown(annotation)} is no contract", remedy)
    if annotation is dict or typing.get_origin(annotation) is dict:
        return Meaningless(f"{_shown(annotation)} is no contract", "use salver.Json for a document")
    return Meaningless(f"{_shown(annotation)} is no contract", _KNOWN)


def _shown(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
