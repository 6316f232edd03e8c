"""The code of stages that are Python functions, by the rules of MindSpore Serving.

A function's failure is that of the instance at hand, never of its neighbours: what stages give is final, and is not run
again in halves.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from salver.authoring.mindspore.definitions import FunctionStage
from salver.workers.results import Results
from salver.workers.servable_config.values import IllegalValue, Value, argument, plain, private_rows, value_of
from salver.workers.stage import Batch, Column, Failure, Piece, Stage
from salver.workers.surprises import told

_log = logging.getLogger("salver.servable")


@dataclass(frozen=True)
class Site:
    """A function's place: the `index`th stage of a method, counted from 1."""

    use: FunctionStage
    method: str
    index: int

    def raised(self, error: BaseException) -> Failure:
        """The failure of rows for which the function raised; the author finds the traceback in the log."""
        _log.error("function '%s' of method '%s' failed", self.use.key, self.method, exc_info=error)
        return Failure(_text(error), self.use.shown, self.method, self.index)

    def refused(self, text: str) -> Failure:
        """The failure of rows for which the function gave what it may not give."""
        return Failure(text, self.use.shown, self.method, self.index, "output")

    def settled(self, given: Any) -> list[Value] | Failure:
        """The outputs of one instance that the function means by what it gave."""
        outputs = given if isinstance(given, tuple | list) else (given,)
        if len(outputs) != self.use.outputs_count:
            return self.refused(
                f"The outputs number {len(outputs)} of one instance returned by function '{self.use.key}' is not equal "
                f"to the outputs number {self.use.outputs_count}  registered in method {self.method}"
            )
        try:
            return [value_of(output) for output in outputs]
        except IllegalValue as error:
            return self.refused(f"Push py task result cause exception: {error}")
        except BaseException as error:
            return self.raised(error)


@dataclass(frozen=True)
class Link:
    """One function of a chain; `inputs` are indices into the chain's inputs, followed by all earlier outputs."""

    site: Site
    inputs: Sequence[int]

    def run(self, values: Sequence[Value]) -> list[Value] | Failure:
        """The outputs of the function for one instance."""
        try:
            given = self.site.use.function(*[argument(values[index]) for index in self.inputs])
        except BaseException as error:
            return self.site.raised(error)
        return self.site.settled(given)


class FunctionChain(Stage):
    """Functions that are called one after the other for each instance, and see each other's edits of arrays.

    `outputs` are indices of the same kind as a link's inputs.
    """

    def __init__(self, links: Sequence[Link], outputs: Sequence[int]) -> None:
        self._links = tuple(links)
        self._outputs = tuple(outputs)

    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        results = Results(batch.rows)
        columns = [private_rows(column) for column in batch.columns]
        for row in range(batch.rows):
            _settle(self._run_row([column[row] for column in columns]), results)
        return results.all()

    def _run_row(self, values: list[Value]) -> list[Value] | Failure:
        for link in self._links:
            outcome = link.run(values)
            if isinstance(outcome, Failure):
                return outcome
            values += outcome
        return [values[index] for index in self._outputs]


class BatchFunction(Stage):
    """A function that is called with a tuple of instances and gives one result for each, in a list or one by one."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        results = Results(batch.rows)
        columns = [[argument(value) for value in private_rows(column)] for column in batch.columns]
        instances = tuple(tuple(column[row] for column in columns) for row in range(batch.rows))
        settled = 0
        while settled < batch.rows:
            settled = self._call(instances, settled, results)
        return results.all()

    def _call(self, instances: tuple[tuple[object, ...], ...], first: int, results: Results) -> int:
        """Call the function with all instances from `first` on; gives how many are settled then.

        If it raises while it is called, all of them have failed; if it raises in the place of a result, it is that
        instance, and the function must be called again for those after it.
        """
        count = len(instances)
        try:
            given = _results(self._site.use.function(instances[first:]))
        except BaseException as error:
            results.fail(self._site.raised(error), count - first)
            return count
        for index in range(first, count):
            try:
                result = next(given)
            except StopIteration:
                results.fail(self._too_few(index, count), count - index)
                return count
            except BaseException as error:
                results.fail(self._site.raised(error))
                return index + 1
            _settle(self._site.settled(result), results)
        return count

    def _too_few(self, given: int, instances: int) -> Failure:
        return self._site.refused(
            f"The number {given} of instances returned by function '{self._site.use.key}' is not equal to the number "
            f"{instances} of instances provided to this function."
        )


def _text(error: BaseException) -> str:
    """Errors are told by their text alone, but for what ends programs, whose text says nothing without its name."""
    if not isinstance(error, Exception):
        return told(error)
    try:
        return str(error) or type(error).__name__
    except BaseException:
        return told(error)


def _settle(outcome: list[Value] | Failure, results: Results) -> None:
    if isinstance(outcome, Failure):
        results.fail(outcome)
    else:
        results.add([plain(value) for value in outcome])


def _results(given: Any) -> Iterator[object]:
    if isinstance(given, tuple | list):
        return iter(given)
    if not hasattr(given, "__next__"):
        raise TypeError(f"'{type(given).__name__}' object is not an iterator")
    results: Iterator[object] = given
    return results
