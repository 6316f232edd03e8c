"""How the text of a setting is read. Every function raises ValueError saying what was expected."""

import re
from collections.abc import Callable
from pathlib import Path

# As browsers write it: lower case, and no slash at the end.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#,\sA-Z]+")

_UNITS = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return int(text)

    return read


def optional_number(least: int, most: int) -> Callable[[str], int | None]:
    """A whole number, or None for an empty text."""
    read = whole_number(least, most)
    return lambda text: read(text) if text else None


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 86_400:
        raise ValueError("expected seconds, more than 0 and at most 86400, such as 10 or 0.5")
    return value


def optional_seconds(text: str) -> float | None:
    """Seconds, or None for an empty text."""
    return seconds(text) if text else None


def size(text: str) -> int:
    """Bytes: `1073741824`, `512MiB`, `1 GiB`."""
    digits = text.rstrip("BGKMi ")
    unit = text[len(digits) :].strip()
    if not digits.isascii() or not digits.isdigit() or unit not in _UNITS or int(digits) == 0:
        raise ValueError("expected a number of bytes, such as 1073741824, 512MiB or 1GiB")
    return int(digits) * _UNITS[unit]


def optional_file(text: str) -> Path | None:
    return Path(text) if text else None


def optional_socket(text: str) -> Path | None:
    """`unix:path`, or None for an empty text."""
    path = text.removeprefix("unix:")
    if text and (path == text or not path):
        raise ValueError("expected unix:path, such as unix:/run/salver/admin.sock")
    return Path(path) if text else None


def boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("expected true or false")
    return text == "true"


def optional_path(text: str) -> str | None:
    """The path of a page, such as /metrics; None for an empty text."""
    if text and not text.startswith("/"):
        raise ValueError("expected a path from / on, such as /monitoring/prometheus/metrics")
    return text or None


def origins(text: str) -> tuple[str, ...]:
    """Origins of web pages, with commas: `https://app.example.com,http://localhost:3000`; or `*`."""
    given = tuple(each.strip() for each in text.split(",")) if text else ()
    if not all(each == "*" or _ORIGIN.fullmatch(each) for each in given):
        raise ValueError("expected origins such as https://app.example.com or http://localhost:3000, or *")
    return given


def one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return read
