"""A loaded servable: its manifest, and the code of the stages that this worker runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from salver.authoring.manifest import Manifest
from salver.workers.stage import AnyStage, Column


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Example:
    """One row of a method's inputs, for trying it; `own` says that it is the author's, so that it must be answered."""

    columns: list[Column]
    own: bool


@dataclass(frozen=True)
class Program:
    """What a worker runs.

    `stages` holds the code of every stage that one of the manifest's lanes names, by stage index; where it has none for
    an optional lane, this worker lacks that lane. `set_up` is called once before the worker is ready, `warm_up` after
    it, `close` when it ends; each may raise `salver.problems.Unusable`, or whatever the author's own code raises.
    `examples` are by the name of their method; one for which nothing can be made up has none.
    """

    manifest: Manifest
    stages: Mapping[int, AnyStage]
    set_up: Callable[[], None] = _nothing
    warm_up: Callable[[], None] = _nothing
    close: Callable[[], None] = _nothing
    examples: Mapping[str, Example] = field(default_factory=dict)

    def lanes(self) -> list[int]:
        """The lanes that this worker has, by their indices in the manifest."""
        lanes = self.manifest.lanes
        return [
            index for index, lane in enumerate(lanes) if not lane.optional or self.stages.keys() >= set(lane.stages)
        ]
