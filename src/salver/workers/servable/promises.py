"""What a function gave, as what it promised: an array of the declared type and shape, text, a document.

Nothing is cast silently. Python's own numbers become the declared type, because they have none of that kind.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from salver.authoring.contracts import NUMBERS, Meaning
from salver.authoring.spec import Port
from salver.workers.dtypes import numpy_dtype
from salver.workers.results import Array, Value
from salver.workers.stage import Column

_PYTHON: dict[str | None, type] = {"int64": int, "float64": float, "bool": bool}
_RANKS = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2}


class Broken(Exception):
    """Something that is not what was promised."""

    def __init__(self, given: str, promised: str, remedy: str) -> None:
        self.given = given
        self.promised = promised
        self.remedy = remedy
        super().__init__(f"{given} was given, but {promised} promised; {remedy}")


class Promise(ABC):
    """What one output must be."""

    @abstractmethod
    def row(self, value: Any) -> Value:
        """The output of one row. Raises Broken."""

    @abstractmethod
    def batch(self, value: Any, rows: int) -> Column:
        """The outputs of so many rows. Raises Broken."""


def promise(meaning: Meaning) -> Promise:
    """What a value with this meaning must be. Raises Unusable where a package is needed that is not installed."""
    if meaning.json:
        return Document()
    if meaning.dtype in ("str", "bytes"):
        text = Text(str if meaning.dtype == "str" else bytes)
        return Texts(text, Port("", meaning.dtype, meaning.dims)) if meaning.dims else text
    if meaning.dtype is None and meaning.dims is None and not meaning.array:
        return Anything()
    return Numbers(meaning)


class Numbers(Promise):
    """An array, or a single number."""

    def __init__(self, meaning: Meaning) -> None:
        self._dtype = None if meaning.dtype is None else numpy_dtype(meaning.dtype)
        self._row = Port("", None if self._dtype is None else self._dtype.name, meaning.dims)
        self._fixed = self._row.fixed
        self._python = meaning.python
        # What needs no look at it: single numbers of the very type.
        single = self._fixed == () and self._dtype is not None
        self._number = self._dtype.type if self._dtype is not None and single else None
        self._plain = _PYTHON.get(meaning.dtype) if single else None

    def row(self, value: Any) -> Value:
        kind = type(value)
        if kind is np.ndarray and value.dtype == self._dtype and value.shape == self._fixed:
            return value if self._fixed else value[()]  # type: ignore[no-any-return]
        if kind is self._number:
            return value  # type: ignore[no-any-return]
        if kind is self._plain:
            with suppress(OverflowError):
                return self._number(value)  # type: ignore[misc,no-any-return]
        array = self._typed(value, rows=None)
        if not self._row.admits(array.shape):
            raise Broken(_shown(array), self._promised(None), _MEND_SHAPE)
        number: Value = array if array.ndim else array[()]
        return number

    def batch(self, value: Any, rows: int) -> Column:
        if type(value) is not np.ndarray or value.dtype != self._dtype:
            value = self._typed(value, rows)
        if value.shape[:1] != (rows,):
            raise Broken(_shown(value), self._promised(rows), "give one output for each row, in their order")
        if value.shape[1:] != self._fixed and not self._row.admits(value.shape[1:]):
            raise Broken(_shown(value), self._promised(rows), _MEND_SHAPE)
        array: Array = value if value.flags.c_contiguous else np.ascontiguousarray(value)
        return array

    def _typed(self, value: Any, rows: int | None) -> Array:
        array = as_array(value, partial(self._promised, rows))
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if self._dtype is None or array.dtype == self._dtype:
            return array
        if self._may_become(value, array, rows):
            return self._made(value, array, rows)
        remedy = f"convert it with .astype(np.{self._dtype.name}), or mend the annotation"
        raise Broken(_shown(array), self._promised(rows), remedy)

    def _may_become(self, value: Any, array: Array, rows: int | None) -> bool:
        assert self._dtype is not None
        free = _is_python(value) or (self._python and rows is None and array.ndim == 0)
        return free and _RANKS[array.dtype.kind] <= _RANKS[self._dtype.kind]

    def _made(self, value: Any, array: Array, rows: int | None) -> Array:
        try:
            made = np.asarray(value if _is_python(value) else array.item(), self._dtype)
        except (OverflowError, ValueError):
            made = None
        # Older versions of numpy wrap what is too large.
        if made is None or (made.dtype.kind in "iu" and not np.array_equal(made, array)):
            raise Broken(f"{value!r:.80}", self._promised(rows), "give a number within its range")
        return made

    def _promised(self, rows: int | None) -> str:
        return self._row.type if rows is None else f"{_led(self._row, (rows,)).type} for {_rows(rows)}"


class Text(Promise):
    """A text or bytes, one for each row."""

    def __init__(self, kind: type[str] | type[bytes]) -> None:
        self._kind = kind

    def row(self, value: Any) -> Value:
        if type(value) is self._kind and (self._kind is bytes or value.isascii()):
            return value
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value.item()
        if self._kind is bytes and isinstance(value, bytearray | memoryview):
            return bytes(value)
        if not isinstance(value, self._kind):
            raise Broken(described(value), self._kind.__name__, f"convert it to {self._kind.__name__}")
        if isinstance(value, str):
            _check_unicode(value)
        return value

    def batch(self, value: Any, rows: int) -> Column:
        return [self.row(each) for each in _each(value, rows, self._kind.__name__)]  # type: ignore[return-value]


class Texts(Promise):
    """More than one text or bytes in each row: an array of them, or lists in lists."""

    def __init__(self, each: Text, row: Port) -> None:
        self._each = each
        self._row = row

    def row(self, value: Any) -> Value:
        return self._array(value, ())

    def batch(self, value: Any, rows: int) -> Column:
        return self._array(value, (rows,))

    def _array(self, value: Any, leading: tuple[int, ...]) -> Array:
        try:
            array = np.array(value, np.object_)
        except ValueError:
            raise self._broken("lists of different lengths", leading) from None
        count = len(leading)
        if array.shape[:count] != leading or not self._row.admits(array.shape[count:]):
            raise self._broken(f"{described(value)} of the shape {list(array.shape)}", leading)
        made: Array = np.array([self._each.row(each) for each in array.flat], np.object_).reshape(array.shape)
        return made

    def _broken(self, given: str, leading: tuple[int, ...]) -> Broken:
        return Broken(given, _led(self._row, leading).type, _MEND_SHAPE)


class Document(Promise):
    """Anything that JSON can say; numpy's numbers and arrays are numbers and lists there."""

    def row(self, value: Any) -> Value:
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            what = f"{described(value)} that is no JSON document ({error})"
            raise Broken(what, "one", "give only what JSON knows") from None
        _check_unicode(text)
        return text

    def batch(self, value: Any, rows: int) -> Column:
        return [self.row(each) for each in _each(value, rows, "document")]  # type: ignore[return-value]


class Anything(Promise):
    """What nobody declared: text, bytes, or whatever numpy makes numbers of."""

    def __init__(self) -> None:
        self._numbers = Numbers(Meaning())
        self._texts = {str: Text(str), bytes: Text(bytes)}

    def row(self, value: Any) -> Value:
        value = self._single(value)
        text = self._text(value)
        return text.row(value) if text else self._numbers.row(value)

    def batch(self, value: Any, rows: int) -> Column:
        value = self._single(value)
        if isinstance(value, np.ndarray) and value.dtype.kind in "USO" and value.ndim == 1:
            value = value.tolist()
        if isinstance(value, str | bytes):
            _each(value, rows, "value")
        text = self._text(value[0]) if isinstance(value, list) and value else None
        return text.batch(value, rows) if text else self._numbers.batch(value, rows)

    def _text(self, value: Any) -> Text | None:
        return next((text for kind, text in self._texts.items() if isinstance(value, kind)), None)

    def _single(self, value: Any) -> Any:
        if isinstance(value, tuple):
            remedy = "say what they are by the annotation -> tuple[..., ...], or give them as one array"
            raise Broken(f"{len(value)} values", "one", remedy)
        if isinstance(value, dict):
            remedy = "annotate a TypedDict that names its outputs, or salver.Json if it is a document"
            raise Broken("a dict", "an array, a number, text or bytes", remedy)
        return value


_MEND_SHAPE = "give that shape, or mend the annotation"


def as_array(value: Any, promised: Callable[[], str]) -> Array:
    """The array of numbers that a value is, also one of another library. Raises Broken: `promised` tells of what."""
    try:
        if callable(getattr(value, "asnumpy", None)):
            value = value.asnumpy()
        elif callable(getattr(value, "detach", None)):
            value = value.detach().cpu().numpy()
        array: Array = np.asarray(value)
    except Exception as error:
        what = f"{described(value)} that numpy cannot read ({error})"
        raise Broken(what, promised(), "give an array, or a list of equally long lists") from None
    if not _carried(array.dtype):
        what = _shown(array) if array.dtype.kind not in "OUS" or isinstance(value, np.ndarray) else described(value)
        remedy = "end every way through the function with `return`" if value is None else "give an array of numbers"
        raise Broken(what, promised(), remedy)
    return array


@cache
def _carried(dtype: "np.dtype[Any]") -> bool:
    return dtype.name in NUMBERS


def _led(row: Port, leading: tuple[int, ...]) -> Port:
    """Rows with these dimensions before their own."""
    return replace(row, dims=(*leading, *(row.dims or ())))


def _is_python(value: Any) -> bool:
    """Whether it is a number of Python's own, or lists of them, which have no element type yet."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return type(value) in (int, float, bool)


def _each(value: Any, rows: int, kind: str) -> Sequence[Any]:
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, list | tuple):
        remedy = f"give a list with one {kind} for each row"
        raise Broken(described(value), f"a list of {rows} for {_rows(rows)}", remedy)
    if len(value) != rows:
        remedy = "give one for each row, in their order"
        raise Broken(f"a list of {len(value)}", f"a list of {rows} for {_rows(rows)}", remedy)
    return value


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Broken(f"text that is no Unicode ({error.reason})", "text", "decode it properly, or give bytes") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"it holds a {type(value).__name__}")


def _shown(array: Array) -> str:
    return Port("", array.dtype.name, array.shape).type


def described(value: Any) -> str:
    """A value by its type, as messages name it."""
    if value is None:
        return "nothing"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
