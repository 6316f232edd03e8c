"""A model's subgraph for one row: what of its tensors is rows, and what is not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from salver.authoring.mindspore.definitions import ModelDeclaration
from salver.authoring.spec import Dim, Policy, Port, StageSpec

# What a stage with a free leading dimension takes together, as everywhere in salver.
DEFAULT_BATCH = 32


class UnusableGraph(ValueError):
    """The file's inputs and outputs are not what its declaration says."""


@dataclass(frozen=True)
class Graph:
    """The inputs and outputs of one row, and how rows make up the tensors of the file.

    `batched` says whether they do; then `size` is how many rows the tensors always have, or None if any number.
    `whole` are inputs that are the same for all rows of a batch.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    batched: bool
    size: int | None
    whole: tuple[int, ...]

    @property
    def batch(self) -> int:
        """How many rows it takes together, at most."""
        return (self.size or DEFAULT_BATCH) if self.batched else 1

    def stage(self) -> StageSpec:
        """The stage that runs it."""
        unbatched = None if self.batched else "it is declared with with_batch_dim=False"
        return StageSpec(self.name, self.inputs, self.outputs, unbatched, policy(self.batch))


def policy(batch: int, row_by_row: bool = False) -> Policy:
    """The original's rules: every failure is a row's own already, and a lost batch is tried once more."""
    return Policy(batch, row_by_row=row_by_row, isolate_rows=False, retry_lost=True)


def graph_of(name: str, declaration: ModelDeclaration, inputs: Sequence[Port], outputs: Sequence[Port]) -> Graph:
    """The graph of a file with these inputs and outputs. Raises UnusableGraph."""
    if not declaration.with_batch_dim:
        return Graph(name, tuple(inputs), tuple(outputs), False, None, ())
    whole = declaration.without_batch_dim_inputs
    if whole and max(whole) >= len(inputs):
        raise UnusableGraph(f"without_batch_dim_inputs names input {max(whole)}, but '{name}' has {len(inputs)} inputs")
    in_rows = [port for index, port in enumerate(inputs) if index not in whole]
    size = _size(name, [*in_rows, *outputs])
    rows = tuple(port if index in whole else _row(port) for index, port in enumerate(inputs))
    return Graph(name, rows, tuple(map(_row, outputs)), True, size, whole)


def _size(name: str, ports: Sequence[Port]) -> int | None:
    """The leading dimension that all of them share; None if it is free. Ports without known dims have any."""
    leading: dict[str, Dim] = {}
    for port in ports:
        if port.dims == ():
            raise UnusableGraph(f"with_batch_dim is True, but '{port.name}' of '{name}' has no dimensions")
        if port.dims is not None:
            leading[port.name] = port.dims[0]
    sizes = {dim if isinstance(dim, int) else None for dim in leading.values()}
    if len(sizes) > 1:
        shown = ", ".join(f"{port}: {dim or 'any'}" for port, dim in leading.items())
        raise UnusableGraph(f"with_batch_dim is True, but the first dimensions of '{name}' differ: {shown}")
    return sizes.pop() if sizes else None


def _row(port: Port) -> Port:
    return port if port.dims is None else replace(port, dims=port.dims[1:])
