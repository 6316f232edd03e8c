"""What a worker is to run, as it is told over the control connection."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salver.workers.program import Program


@dataclass(frozen=True)
class Assignment:
    """`function` of `module`, called by keyword with `paths` as Paths and `arguments` as they are, gives a Program.

    `file` is the author's file, which is to blame for what goes wrong. `apart` says that the server is elsewhere, so
    that the worker runs all stages and is given the links of its lanes, and `proto` that it adds the service of its
    contract, which otherwise the server does. Arguments are not shown: they may be secret.
    """

    file: str
    module: str
    function: str
    paths: Mapping[str, str | None]
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)
    apart: bool = False
    proto: bool = False

    def form(self) -> dict[str, Any]:
        """As JSON takes it; `Assignment(**form)` is the inverse."""
        return asdict(self)

    def load(self) -> "Program":
        """Import the loader, and load. Raises what the loader raises, and whatever the author's code does."""
        paths = {name: None if path is None else Path(path) for name, path in self.paths.items()}
        program: Program = getattr(import_module(self.module), self.function)(**paths, **self.arguments)
        return program
