"""What a server tells the person who started it: results on standard output, problems on standard error."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from salver.authoring.spec import Servable, StageSpec
from salver.problems import Problem
from salver.runtimes.base import Loaded


@dataclass(frozen=True)
class Report:
    """`level` is a setting's value: `error` keeps standard output silent."""

    level: str = "info"

    def say(self, text: str) -> None:
        """Print a result at once, unless only problems are wanted."""
        if self.level != "error":
            print(text, flush=True)

    def problem(self, problem: Problem) -> None:
        """Print what is wrong, whatever the level."""
        print(f"salver: {problem}", file=sys.stderr, flush=True)


def counted(count: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def described(loaded: Sequence[Loaded]) -> str:
    """Every version with its methods, their typed inputs and outputs, and how rows are batched."""
    return "\n".join(line for each in loaded for line in _lines(each.servable, each.instances))


def _lines(servable: Servable, instances: int) -> list[str]:
    head = f"{servable.name}  version {servable.version}, {servable.runtime}"
    lines = [f"{head}, {counted(instances, 'instance')}"]
    for method in servable.methods:
        lines.append(f"    {method.name}{method.contract}")
        lines += [f"    {_batching(servable.stages[step.stage])}" for step in method.plan.steps]
    return lines


def _batching(stage: StageSpec) -> str:
    if stage.unbatched is not None:
        return f"not batched: {stage.unbatched}"
    return f"batched: up to {stage.policy.max_batch_size} rows"
