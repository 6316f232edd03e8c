"""The lives of a servable's objects: set up, warmed up, closed."""

import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salver.workers.servable.importing import blaming

_log = logging.getLogger("salver.servable")


@dataclass(frozen=True)
class Lives:
    """The objects of a worker, in the order in which they were made, and the models that it runs."""

    file: Path
    instances: Sequence[object]
    device: str
    models: Sequence[Any]

    def set_up(self) -> None:
        """Raises Unusable naming the author's line."""
        with blaming(self.file):
            for instance in self.instances:
                setup = _found(instance, "setup")
                if setup is not None:
                    setup(*[self.device] if inspect.signature(setup).parameters else [])

    def warm_up(self) -> None:
        """Raises Unusable naming the author's line."""
        with blaming(self.file):
            for instance in self.instances:
                warm_up = _found(instance, "warm_up")
                if warm_up is not None:
                    warm_up()

    def close(self) -> None:
        """Close all, the last one first. What one raises is logged, so that the others are closed, too."""
        closing = [_found(instance, "close") for instance in self.instances] + [model.close for model in self.models]
        for close in reversed(closing):
            try:
                if close is not None:
                    close()
            except BaseException as error:
                _log.warning("closing failed", exc_info=error)


def _found(instance: object, name: str) -> Callable[..., Any] | None:
    code: Callable[..., Any] | None = getattr(instance, name, None)
    return code
