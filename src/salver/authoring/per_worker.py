"""Servicers that worker processes make for themselves."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn


class PerWorker:
    """A class of servicers, for `add_...Servicer_to_server`. It has the methods of the class, but only by name."""

    def __init__(self, servicer: type[Any], arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
        self.servicer = servicer
        self.arguments = tuple(arguments)
        self.named = dict(named)

    def __getattr__(self, name: str) -> "Remote":
        if name.startswith("__") or not callable(getattr(self.servicer, name, None)):
            raise AttributeError(f"{self.servicer.__qualname__} has no method {name!r}")
        return Remote(self, name)


class Remote:
    """A method that is run in worker processes."""

    def __init__(self, owner: PerWorker, name: str) -> None:
        self.owner = owner
        self.name = name

    def __call__(self, *_: object) -> NoReturn:
        kind = self.owner.servicer.__qualname__
        raise RuntimeError(f"{kind}.{self.name} is run by worker processes of salver's own server, and by no other")


def per_worker(servicer: type[Any], /, *arguments: Any, **named: Any) -> Any:
    """A servicer of which every worker process makes one, with these arguments.

    It is given to the `add_...Servicer_to_server` of generated code, for a server of `salver.grpc` with `workers`. The
    class must be one that another process can import. Raises TypeError for an instance.
    """
    if not inspect.isclass(servicer):
        kind = type(servicer).__qualname__
        raise TypeError(
            f"per_worker({kind}(...)) was given an instance, which lives in this process alone; give it the class, and "
            f"what it is made with: per_worker({kind}, ...)"
        )
    return PerWorker(servicer, arguments, named)
