"""How a value of `salver.toml` is checked. Every function raises ValueError saying what was expected."""

import re
from collections.abc import Callable
from typing import Any

Reader = Callable[[Any], Any]


def whole_number(most: int) -> Reader:
    """From 1 to `most`."""

    def read(value: Any) -> int:
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"expected a whole number from 1 to {most}")
        return value

    return read


def milliseconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 60_000:
        raise ValueError("expected milliseconds, from 0 to 60000")
    return float(value)


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


def versions(value: Any) -> str | tuple[int, ...]:
    if value in ("latest", "all"):
        return str(value)
    if not isinstance(value, list) or not value or not all(type(each) is int and each > 0 for each in value):
        raise ValueError('expected "latest", "all" or a list of version numbers such as [1, 3]')
    return tuple(value)


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
