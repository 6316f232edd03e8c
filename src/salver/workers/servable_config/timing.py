"""Lines that tell how long batches took, in the words that operators of the original look for in its logs."""

import logging
import time
from collections.abc import Mapping, Sequence

from salver.authoring.spec import StageSpec
from salver.workers.stage import Batch, Column, Piece, Stage

_log = logging.getLogger("mindspore_serving")


class Timed(Stage):
    """Another stage, and a line for each of its batches."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self._name = name

    def run(self, batch: Batch) -> list[Column] | list[Piece]:
        began = time.perf_counter()
        try:
            return self._stage.run(batch)
        finally:
            took = 1000 * (time.perf_counter() - began)
            _log.info("WorkerRequestHandle Time Cost # %.3f ms, %s, instances count %d", took, self._name, batch.rows)


def timed(code: Mapping[int, Stage], specs: Sequence[StageSpec]) -> dict[int, Stage]:
    """The code of these stages, with lines about their time if `GLOG_v` lets them be said."""
    if not _log.isEnabledFor(logging.INFO):
        return dict(code)
    return {index: Timed(stage, specs[index].name) for index, stage in code.items()}
