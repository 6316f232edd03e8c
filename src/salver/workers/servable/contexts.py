"""What functions are told about the calls whose rows they get."""

import time
from collections.abc import Mapping, Sequence

from salver.authoring.context import Context
from salver.workers.stage import Batch, Caller


class CallContext(Context):
    """The context of one caller of a batch; most of it is found out when it is asked for."""

    def __init__(self, caller: Caller, device: str) -> None:
        super().__init__(device=device)
        self._caller = caller

    @property
    def metadata(self) -> Mapping[str, str]:
        joined: dict[str, str] = {}
        for name, value in self._caller.metadata:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return joined

    @property
    def metadata_pairs(self) -> Sequence[tuple[str, str]]:
        return self._caller.metadata

    @property
    def parameters(self) -> Mapping[str, str | int | float | bool]:
        return self._caller.parameters

    @property
    def deadline(self) -> float | None:
        at = self._caller.deadline
        return None if at is None else max(0.0, at - time.time())

    @property
    def cancelled(self) -> bool:
        return self._caller.cancelled()


def contexts(batch: Batch, device: str) -> Sequence[Context]:
    """One for each row; rows of one caller share theirs. A dry run has no callers."""
    made: list[Context] = []
    for caller in batch.callers:
        made += [CallContext(caller, device)] * caller.rows
    return made or [Context(device=device)] * batch.rows
