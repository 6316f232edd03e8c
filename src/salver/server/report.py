"""What a server tells the person who started it: results on standard output, problems on standard error."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from salver.authoring.spec import Servable, StageSpec
from salver.problems import Problem, encodable
from salver.runtimes.base import Loaded


@dataclass(frozen=True)
class Report:
    """`level` is a setting's value: `error` keeps standard output silent."""

    level: str = "info"

    def say(self, text: str) -> None:
        """Print a result at once, unless only problems are wanted."""
        if self.level != "error":
            print(encodable(text), flush=True)

    def problem(self, problem: Problem) -> None:
        """Print what is wrong, whatever the level."""
        print(f"salver: {problem}", file=sys.stderr, flush=True)


def counted(count: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def described(loaded: Sequence[Loaded]) -> str:
    """Every version with its methods, their typed inputs and outputs, and how rows are batched."""
    return "\n".join(line for each in loaded for line in _lines(each.servable, each))


def _lines(servable: Servable, loaded: Loaded) -> list[str]:
    lines = [f"{servable.name}  version {servable.version}, {servable.runtime}, {counted(*loaded.capacity)}"]
    lines += [f"    {note}" for note in loaded.notes]
    for method in servable.methods:
        if method.name.startswith("@"):
            continue
        lines.append(f"    {method}")
        stages = [servable.stages[step.stage] for step in method.plan.steps]
        names = [f"{stage.name}: " if len(stages) > 1 else "" for stage in stages]
        lines += [f"    {name}{_batching(stage)}" for name, stage in zip(names, stages, strict=True)]
    for service in servable.services:
        lines.append(f"    service {service.name}: {', '.join(rpc.rpc for rpc in service.rpcs)}")
    return lines


def _batching(stage: StageSpec) -> str:
    if stage.unbatched is not None:
        return f"not batched: {stage.unbatched}"
    if stage.policy.row_by_row:
        return f"row by row: up to {stage.policy.max_batch_size} rows at a time"
    return f"batched: up to {counted(stage.policy.max_batch_size, 'row')}"
