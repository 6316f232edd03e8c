"""`salver.options` and `salver.servable`: what is said of a servable as a whole."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar, overload

from salver.authoring.places import Place, place_of_caller
from salver.problems import Unusable

C = TypeVar("C", bound=type)

_MARK = "__salver_servable__"


@dataclass(frozen=True)
class Options:
    """How the servable of a file is run; None leaves it to the server."""

    workers: int | None
    run_timeout: float | None
    device: str | None
    place: Place

    def joined(self, other: "Options") -> "Options":
        """Both together. Raises Unusable where they disagree."""
        values: dict[str, Any] = {}
        for name in (field.name for field in fields(self) if field.name != "place"):
            mine, others = getattr(self, name), getattr(other, name)
            if mine is not None and others is not None and mine != others:
                what = f"says {name}={others!r}, but {self.place} says {name}={mine!r}"
                raise Unusable(other.place, what, "all of one file runs in the same workers: say it once")
            values[name] = others if mine is None else mine
        return Options(**values, place=self.place)


def options(*, workers: int | None = None, run_timeout: float | None = None, device: str | None = None) -> Options:
    """How this file's servable is run: `options = salver.options(workers=2)`.

    `workers` is the number of processes, `run_timeout` for how many seconds one batch may run before its worker is
    taken for hung, `device` what `setup` and `context` are told.
    """
    if workers is not None:
        number_option("workers", workers, 1, whole=True)
    if run_timeout is not None:
        number_option("run_timeout", run_timeout, 0.001)
    if device is not None and not isinstance(device, str):
        raise Unusable(place_of_caller(), f"says device={device!r}", 'write a text such as "cpu" or "cuda:0"')
    return Options(workers, run_timeout, device, place_of_caller())


@overload
def servable(marked: C, /) -> C: ...
@overload
def servable(
    *, workers: int | None = None, run_timeout: float | None = None, device: str | None = None
) -> Callable[[C], C]: ...
def servable(marked: Any = None, /, **given: Any) -> Any:
    """A class whose public methods are those of the servable; every worker has one instance.

    They are run row by row unless @salver.function says that they take batches. `setup(self, device)` is run before
    the first call, `warm_up(self)` after that, and `close(self)` at the end; each may be missing.
    """

    def mark(marked: Any) -> Any:
        if not inspect.isclass(marked):
            what = f"puts @salver.servable on a {type(marked).__name__}"
            raise Unusable(place_of_caller(), what, "put it on a class; a function takes @salver.function")
        setattr(marked, _MARK, said)
        return marked

    said = options(**given)
    return mark if marked is None else mark(marked)


def servable_options(thing: object) -> Options | None:
    """What @salver.servable said of a class that is marked by it; None for everything else."""
    return vars(thing).get(_MARK) if isinstance(thing, type) else None


def number_option(name: str, value: Any, least: float, whole: bool = False) -> float:
    """The option's value. Raises Unusable at the author's line for one that is no number, or less than `least`."""
    kinds: tuple[type, ...] = (int,) if whole else (int, float)
    if type(value) not in kinds or not least <= value < float("inf"):
        expected = f"write a {'whole ' if whole else ''}number of at least {least:g}"
        raise Unusable(place_of_caller(), f"says {name}={value!r}", expected)
    return float(value)
