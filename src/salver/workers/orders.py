"""What the workers of one version are told, and how patient their server is with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from salver.repository.logs import Logs
from salver.workers.assignment import Assignment
from salver.workers.backoff import Backoff


@dataclass(frozen=True)
class Order:
    """What one worker is to run, what its environment has beside the server's, and the name of its log."""

    assignment: Assignment
    environment: Mapping[str, str] = field(default_factory=dict)
    log: str | None = None


@dataclass(frozen=True)
class Orders:
    """What all of them are to run: `order` is asked with a worker's index. `file` is the author's, for problems.

    `run_timeout_s` is what the servable's settings say instead of its author.
    """

    servable: str
    version: int
    file: Path
    order: Callable[[int], Order]
    in_process: bool = False
    run_timeout_s: float | None = None
    logs: Logs | None = None

    def label(self, index: int) -> str:
        """What a worker is called in everything that is printed."""
        return f"{self.servable}/{self.version} worker {index}"


@dataclass(frozen=True)
class Patience:
    """How long a worker may take to load, when that is first mentioned, and how long one that ended stays away."""

    load_s: float = 600.0
    mention_s: float = 5.0
    backoff: Backoff = Backoff()
