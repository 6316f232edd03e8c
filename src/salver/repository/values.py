"""How a value of `salver.toml` is checked. Every function raises ValueError saying what was expected."""

import re
from collections.abc import Callable
from typing import Any

from salver.repository.policies import Every, Latest, Specific, VersionPolicy, is_version

Reader = Callable[[Any], Any]


def whole_number(most: int) -> Reader:
    """From 1 to `most`."""

    def read(value: Any) -> int:
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"expected a whole number from 1 to {most}")
        return value

    return read


def ascending(most: int) -> Reader:
    """Whole numbers from 1 to `most`, each larger than the one before."""

    def read(value: Any) -> tuple[int, ...]:
        numbers = value if isinstance(value, list) else [None]
        if any(type(each) is not int or not 1 <= each <= most for each in numbers) or sorted(set(numbers)) != numbers:
            raise ValueError(f"expected a list of ascending whole numbers from 1 to {most}, such as [1, 8, 32]")
        return tuple(numbers)

    return read


def milliseconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 60_000:
        raise ValueError("expected milliseconds, from 0 to 60000")
    return float(value)


def seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value <= 86_400:
        raise ValueError("expected seconds, more than 0 and at most 86400")
    return float(value)


def boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("expected true or false")
    return value


def auto_or_bool(value: Any) -> bool | None:
    """`"auto"` is None."""
    if value == "auto":
        return None
    if type(value) is not bool:
        raise ValueError('expected true, false or "auto"')
    return value


def identifier(value: Any) -> str:
    """A name that every protocol can carry; one that starts with @ is the server's own."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("expected a name of letters, digits and _, such as add_common")
    return value


def names(value: Any) -> tuple[str, ...]:
    """At least one."""
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise ValueError('expected a list of names, such as ["serving_default"]')
    return tuple(value)


def versions(value: Any) -> VersionPolicy:
    """`"latest"`, `"latest 2"`, `"all"` or a list of numbers."""
    if value == "all":
        return Every()
    latest = re.fullmatch(r"latest(?: ([1-9][0-9]{0,8}))?", value) if isinstance(value, str) else None
    if latest is not None:
        return Latest(int(latest[1] or 1))
    if not isinstance(value, list) or not value or not all(map(_is_version, value)):
        raise ValueError('expected "latest", "latest 2", "all" or a list of version numbers such as [1, 3]')
    return Specific(frozenset(value))


def labels(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(value) or not all(map(_is_version, value.values())):
        raise ValueError("expected names with version numbers, such as { stable = 1, canary = 2 }")
    return value


def _is_version(value: Any) -> bool:
    return is_version(value) and value > 0


def one_of(*choices: str) -> Reader:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return str(value)

    return read


def some_of(*choices: str) -> Reader:
    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or any(each not in choices for each in value):
            raise ValueError(f"expected a list of some of {', '.join(choices)}, the preferred one first")
        return tuple(value)

    return read
