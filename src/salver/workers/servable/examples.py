"""One row for every method, so that it can be tried before anybody calls it."""

from collections.abc import Mapping, Sequence
from typing import Any

from salver.authoring.contracts import Meaning
from salver.authoring.graphs import Graph
from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.samples import guesses, two_rows
from salver.workers.program import Example
from salver.workers.results import one_row
from salver.workers.servable.chain import absence
from salver.workers.servable.promises import Broken, promise
from salver.workers.servable.samples import column_of
from salver.workers.stage import Column


def example_of(graph: Graph) -> Example | None:
    """The author's example, or one made of the contract; None if that leaves too much open. Raises Unusable."""
    if graph.example is not None:
        return Example(_given(graph, graph.example), own=True)
    columns = made_up(graph.inputs)
    return None if columns is None else Example(columns, own=False)


def made_up(ports: Sequence[Port]) -> list[Column] | None:
    """A row that these ports take, without what is optional; None if one is not declared, or a document."""
    needed = [port for port in ports if not port.optional]
    if not needed or any(port.dtype is None or port.dims is None or port.json for port in needed):
        return None
    guess = next(guesses(needed))
    row, _ = two_rows(needed, guess)
    made = {
        port.name: column_of((dtype, [1, *shape], data)) for port, (dtype, shape, data) in zip(needed, row, strict=True)
    }
    return [made[port.name] if port.name in made else absence(1) for port in ports]


def _given(graph: Graph, example: Mapping[str, Any]) -> list[Column]:
    known = {port.name for port in graph.inputs}
    unknown = sorted(set(example) - known)
    missing = [port.name for port in graph.inputs if port.name not in example and not port.optional]
    if unknown or missing:
        what = f"has no '{missing[0]}'" if missing else f"has '{unknown[0]}', which is no input"
        remedy = f"give one value for each of {', '.join(sorted(known))}"
        raise Unusable(graph.place, f"the example of '{graph.name}' {what}", remedy)
    return [_column(graph, port, example[port.name]) if port.name in example else absence(1) for port in graph.inputs]


def _column(graph: Graph, port: Port, value: Any) -> Column:
    try:
        return one_row([promise(Meaning(port.dtype, port.dims, port.json)).row(value)])[0]
    except Broken as error:
        what = f"the example of '{graph.name}' has {error.given} as '{port.name}', which takes {error.promised}"
        raise Unusable(graph.place, what, error.remedy) from None
