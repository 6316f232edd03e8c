"""What a worker process needs to serve the same services, as bytes that it can read."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import spawn
from typing import Any

import grpc

from salver.authoring.per_worker import PerWorker, Remote
from salver.grpc.handlers import Handler, Handlers, method_of


@dataclass(frozen=True)
class Plan:
    """How a worker's server is made: with so many threads, or in an event loop if `in_loop`."""

    workers: int | None
    threads: int | None
    in_loop: bool
    options: Sequence[tuple[str, Any]]
    most_calls: int | None
    """How many calls may be in flight, in all processes together."""
    compression: grpc.Compression | None

    @property
    def share(self) -> int | None:
        """How many of them one worker takes, which has as many as any other."""
        return None if self.most_calls is None else -(-self.most_calls // (self.workers or 1))

    def __post_init__(self) -> None:
        """Raises ValueError for a number of workers that cannot be."""
        if self.workers is not None and (not isinstance(self.workers, int) or self.workers < 1):
            raise ValueError(f"workers={self.workers!r} is no number of processes; give a whole number from 1 on")


@dataclass
class Recipe:
    """The servicers that are made in a worker, and what serves them."""

    plan: Plan
    servicers: list[tuple[type[Any], tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    methods: list[tuple[str, int, str, tuple[bool, bool, Any, Any]]] = field(default_factory=list)
    """Of each its path, whose it is, its name there, and the handler that it becomes."""
    interceptors: tuple[Any, ...] = ()

    def services(self) -> set[str]:
        return {path[1:].rpartition("/")[0] for path, _, _, _ in self.methods}

    def main(self) -> dict[str, Any]:
        """How a process finds what this one has imported, its main module included."""
        found = spawn.get_preparation_data("salver servicer")
        # It guards connections that these processes do not have, and must not leave this one.
        del found["authkey"]
        return found

    def packed(self) -> bytes:
        """Raises ValueError if something in it cannot be had elsewhere."""
        try:
            return pickle.dumps(self)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            names = ", ".join(sorted({each.__qualname__ for each, _, _ in self.servicers}))
            remedy = "define the class, and what it is made with, at the top level of a module"
            raise ValueError(f"{names} cannot be handed to worker processes: {error}; {remedy}") from None


def recipe_of(handlers: Handlers, plan: Plan) -> Recipe | None:
    """What runs in workers, if anything does. Raises ValueError for what should, but cannot."""
    recipe = Recipe(plan, interceptors=handlers.interceptors)
    owners: list[PerWorker] = []
    here: set[str] = set()
    for service, methods in handlers.declared():
        for (name, _, _), handler in zip(methods, handlers.of(service), strict=True):
            behaviour = method_of(f"/{service}/{name}", handler).behaviour
            if not isinstance(behaviour, Remote):
                here.add(service)
                continue
            if behaviour.owner not in owners:
                owners.append(behaviour.owner)
            form = _form(handler)
            recipe.methods.append((f"/{service}/{name}", owners.index(behaviour.owner), behaviour.name, form))
    recipe.servicers = [(each.servicer, each.arguments, each.named) for each in owners]
    if here and plan.workers is not None:
        what = (
            f"{', '.join(sorted(here))} cannot run in {plan.workers} workers: its servicer is an instance, which lives"
        )
        remedy = "register salver.per_worker(Servicer), with the class in the place of the instance"
        raise ValueError(f"{what} in this process alone; {remedy}")
    return recipe if owners else None


def _form(handler: Handler) -> tuple[bool, bool, Any, Any]:
    streams = (bool(handler.request_streaming), bool(handler.response_streaming))
    return (*streams, handler.request_deserializer, handler.response_serializer)
