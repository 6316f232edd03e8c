"""The code of a chain of functions.

It is written once, as coroutines. Where no function awaits anything these never wait, and are run on the spot.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from salver.authoring.chains import Call, Chain
from salver.authoring.context import Context, InvalidInput
from salver.authoring.signatures import Results as Said
from salver.workers.results import one_row
from salver.workers.servable.arguments import Argument, arguments
from salver.workers.servable.contexts import contexts
from salver.workers.servable.promises import Broken, Promise, described, promise
from salver.workers.stage import Batch, Column, Failure, StageFailed
from salver.workers.surprises import is_ordered, told

T = TypeVar("T")

_log = logging.getLogger("salver.servable")
_END = object()
_NONE: frozenset[int] = frozenset()


class RowAtFault(StageFailed):
    """A batch failed for the sake of one row, whose failure this is."""

    def __init__(self, failure: Failure, row: int) -> None:
        self.row = row
        super().__init__(failure)


@dataclass(frozen=True)
class Site:
    """Where a function is used, for what is told of its failures."""

    what: str
    function: str
    method: str
    index: int

    def failed(self, error: BaseException, row_by_row: bool) -> StageFailed:
        """What a failure of the function is; of those that surprise, the author finds the traceback in the log."""
        if isinstance(error, InvalidInput):
            failure = self._failure(str(error), "invalid")
            return StageFailed(failure) if row_by_row or error.row is None else RowAtFault(failure, error.row)
        if not isinstance(error, SystemExit):
            _log.warning("%s of method '%s' failed", self.what, self.method, exc_info=error)
        return StageFailed(self._failure(told(error), "raised"))

    def broken(self, error: Broken, shown: str) -> StageFailed:
        """What it is that the function gave something else than it promised; `shown` is which output it was."""
        text = f"{self.function}() gave {error.given}{shown}, but promised {error.promised}: {error.remedy}"
        _log.warning("%s", text)
        return StageFailed(self._failure(text, "output"))

    def _failure(self, text: str, kind: Any) -> Failure:
        return Failure(text, self.what, self.method, self.index, kind)


@dataclass(frozen=True)
class Prepared:
    """One function of a chain, ready to be called."""

    plain: Callable[..., Any]
    site: Site
    places: Sequence[Argument]
    names: dict[str, Argument]
    awaits: bool
    row_by_row: bool
    said: Said
    promises: Sequence[Promise]
    outputs: Sequence[str]

    def call(self, values: Sequence[Any], context: Any) -> Any:
        given = [argument(values, context) for argument in self.places]
        if not self.names:
            return self.plain(*given)
        return self.plain(*given, **{name: argument(values, context) for name, argument in self.names.items()})

    def kept(self, result: Any, rows: int) -> list[Any]:
        """The outputs as promised. Raises StageFailed."""
        shown = ""
        kept = []
        try:
            outputs = [result] if self.said.form == "one" else self._apart(result)
            for port, each, output in zip(self.said.ports, self.promises, outputs, strict=True):
                shown = f" as '{port.name}'"
                kept.append(each.row(output) if self.row_by_row else each.batch(output, rows))
        except Broken as error:
            raise self.site.broken(error, shown) from None
        return kept

    def _apart(self, result: Any) -> Sequence[Any]:
        """Several outputs, in the order of their ports. Raises Broken."""
        names = self.outputs
        if isinstance(result, dict) and len(result) == len(names) and all(map(result.__contains__, names)):
            return [result[name] for name in names]
        promised = f"{len(names)} ({', '.join(names)})"
        if self.said.form == "tuple" or isinstance(result, tuple):
            if not isinstance(result, tuple | list):
                raise Broken(described(result), promised, "give a tuple of all outputs")
            if len(result) != len(names):
                raise Broken(f"{len(result)} values", promised, "give all of them, or mend the annotation")
            return result
        if isinstance(result, dict):
            raise Broken(f"a dict of {', '.join(map(str, result))}", promised, "give exactly these names")
        missing = [name for name in names if not hasattr(result, name)]
        if missing:
            raise Broken(f"{described(result)} without '{missing[0]}'", promised, "give what is annotated")
        return [getattr(result, name) for name in names]


@dataclass
class ChainCode:
    """A chain, ready to be run with any of its optional inputs absent."""

    chain: Chain
    servable: str
    device: str
    _ready: dict[frozenset[int], list[Prepared]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._promises = [[promise(meaning) for meaning in call.promised] for call in self.chain.calls]
        self._context = self.chain.context
        self._optional = [index for index, port in enumerate(self.chain.inputs) if port.optional]
        self.functions(frozenset())

    def functions(self, absent: frozenset[int]) -> list[Prepared]:
        """The functions as they are called when these inputs are absent."""
        if absent not in self._ready:
            pairs = zip(self.chain.calls, self._promises, strict=True)
            self._ready[absent] = [self._function(call, promises, absent) for call, promises in pairs]
        return self._ready[absent]

    def absent(self, batch: Batch) -> frozenset[int]:
        """The optional inputs that these rows are without."""
        if not self._optional:
            return _NONE
        return frozenset(index for index in self._optional if is_absent(batch.columns[index]))

    def contexts(self, batch: Batch) -> "Sequence[Context | None]":
        """One for each row, if a function asks for it."""
        return contexts(batch, self.device) if self._context else [None] * batch.rows

    async def run(self, functions: Sequence[Prepared], values: list[Any], context: Any, rows: int = 1) -> list[Any]:
        """All values after these functions, of one row or of a batch. Raises StageFailed."""
        for function in functions:
            try:
                result = function.call(values, context)
                if function.awaits:
                    result = await result
            except BaseException as error:
                if is_ordered(error):
                    raise
                raise function.site.failed(error, function.row_by_row) from error
            values += function.kept(result, rows)
        return values

    async def items(
        self, functions: Sequence[Prepared], values: list[Any], context: Any
    ) -> AsyncGenerator[list[Column], None]:
        """What the last function yields for one row. Raises StageFailed."""
        last = functions[-1]
        values = await self.run(functions[:-1], values, context)
        try:
            given = last.call(values, context)
        except BaseException as error:
            if is_ordered(error):
                raise
            raise last.site.failed(error, True) from error
        try:
            while (item := await self._next(last, given)) is not _END:
                outputs = values + last.kept(item, 1)
                yield one_row([outputs[index] for index in self.chain.outputs])
        finally:
            if last.awaits:
                await given.aclose()
            else:
                given.close()

    async def _next(self, last: Prepared, given: Any) -> Any:
        try:
            return await anext(given, _END) if last.awaits else next(given, _END)
        except BaseException as error:
            if is_ordered(error):
                raise
            raise last.site.failed(error, True) from error

    def outputs(self, values: Sequence[Any]) -> list[Any]:
        """Those of the values that the chain gives."""
        return [values[index] for index in self.chain.outputs]

    def _function(self, call: Call, promises: Sequence[Promise], absent: frozenset[int]) -> Prepared:
        function, method = call.function, self.chain.method
        site = Site(f"Function '{self.servable}.{function.name}'", function.name, method, call.index)
        places, names = arguments(call, absent, dict(self.chain.defaults))
        awaits, said = "awaits" in call.flow, function.signature.results
        outputs = [port.name for port in said.ports]
        return Prepared(function.plain, site, places, names, awaits, function.row_by_row, said, promises, outputs)


def is_absent(column: Column) -> bool:
    """Whether this is what stands for an optional input that is absent."""
    return isinstance(column, np.ndarray) and column.dtype == np.bool_ and column.shape[1:] == (0,)


def absence(rows: int) -> Column:
    """What stands for an optional input that is absent."""
    return np.zeros((rows, 0), np.bool_)


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("something awaits in a function that is not `async def`")


def one_by_one(items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """What an asynchronous generator gives that never waits."""
    try:
        while (item := at_once(_following(items))) is not _END:
            yield item
    finally:
        at_once(items.aclose())


async def _following(items: AsyncGenerator[Any, None]) -> Any:
    return await anext(items, _END)
