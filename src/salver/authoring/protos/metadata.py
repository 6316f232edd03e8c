"""Metadata and statuses that a handler says, checked where it says them: later its own line would be forgotten."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any, NamedTuple

from salver.authoring.places import place_of_caller
from salver.problems import encodable

# The trailer that holds a rich status, as grpcio-status makes it.
RICH = "grpc-status-details-bin"

_KEY, _PRINTABLE = re.compile(r"[a-z0-9_.-]+"), re.compile(r"[ -~]*")
# What belongs to HTTP or to gRPC itself, as `crates/front/src/services/metadata.rs` has it.
_TAKEN = {"te", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "host"}
_TAKEN |= {"accept", "accept-encoding", "salver-caller-bin"}
_LAST_CODE = 16


class Metadatum(NamedTuple):
    """One piece of metadata; values of names in `-bin` are bytes."""

    key: str
    value: str | bytes


def checked_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> list[Metadatum]:
    """Raises TypeError or ValueError naming the line that gave it."""
    try:
        pairs = [(key, value) for key, value in metadata]
    except (TypeError, ValueError):
        raise TypeError(_told(f"{metadata!r} is no metadata: give pairs of a key and its value")) from None
    return [_checked(key, value) for key, value in pairs]


def _checked(key: Any, value: Any) -> Metadatum:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ValueError(_told(f"{key!r} is no metadata key; use lower-case letters, digits, '_', '-', '.'"))
    if key in _TAKEN or (key.startswith("grpc-") and key != RICH):
        raise ValueError(_told(f"the metadata key '{key}' is gRPC's own; choose another"))
    is_binary = key.endswith("-bin")
    if not isinstance(value, bytes if is_binary else str):
        what = f"metadata '{key}' is {type(value).__name__}"
        raise TypeError(_told(f"{what}: bytes are for names that end in -bin, and only for them, text for all others"))
    if isinstance(value, str) and not _PRINTABLE.fullmatch(value):
        what = f"metadata '{key}' is {value!r}, which is not printable ASCII"
        raise ValueError(_told(f"{what}: give bytes, under a name that ends in -bin"))
    return Metadatum(key, value)


def checked_code(code: Any) -> int:
    """The number of a status. Raises ValueError naming the line that gave it."""
    number = code if isinstance(code, int) else getattr(code, "value", (None,))
    number = number[0] if isinstance(number, tuple) else number
    if not isinstance(number, int) or not 0 <= number <= _LAST_CODE:
        raise ValueError(_told(f"{code!r} is no status: give one of grpc.StatusCode, or its number"))
    return int(number)


def checked_details(details: Any) -> str:
    """The text of a status. Raises TypeError naming the line that gave it."""
    if isinstance(details, bytes):
        return details.decode(errors="replace")
    if not isinstance(details, str):
        raise TypeError(_told(f"{details!r} is no text for a status: give a str"))
    return encodable(details)


def received(name: str, value: str) -> str | bytes:
    """A value as a handler gets it."""
    return b64decode(value + "=" * (-len(value) % 4)) if name.endswith("-bin") else value


def sent(metadata: Iterable[Metadatum]) -> list[list[str]]:
    """As the native part reads it."""
    return [[key, b64encode(value).decode() if isinstance(value, bytes) else value] for key, value in metadata]


def _told(what: str) -> str:
    return f"{what} ({place_of_caller()})"
