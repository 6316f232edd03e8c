"""The rich status of a failed call: what `grpc-status-details-bin` says beside code and text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from salver.client import messages

_TRAILER = "grpc-status-details-bin"


@dataclass(frozen=True)
class Detail:
    """One message of a rich status: its type's full name, and its bytes, for that type's `FromString`."""

    type: str
    value: bytes


def details_of(metadata: Iterable[Any] | None) -> tuple[Detail, ...]:
    """The details that trailing metadata hold; nothing where they hold none, or something that is no status."""
    for name, value in metadata or ():
        if name == _TRAILER and isinstance(value, bytes):
            try:
                status = messages.Status.FromString(value)
            except DecodeError:
                return ()
            return tuple(Detail(each.type_url.rpartition("/")[2], each.value) for each in status.details)
    return ()
