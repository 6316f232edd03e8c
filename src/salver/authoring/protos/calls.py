"""The context of a handler that takes and gives whole messages, in the words of gRPC's own."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from salver.authoring.context import Context

# The trailer that holds a rich status, as grpcio-status makes it.
_RICH = "grpc-status-details-bin"


class Metadatum(NamedTuple):
    """One piece of metadata; values of names in `-bin` are bytes."""

    key: str
    value: str | bytes


class Aborted(Exception):
    """A handler has ended its call by `abort`."""


class HandlerContext(Context):
    """What grpc.ServicerContext has of it that handlers use, beside what every `salver.Context` has."""

    def __init__(self, of: Context) -> None:
        super().__init__(device=of.device)
        self._of = of
        self._code: int | None = None
        self._details = ""
        self._initial: list[Metadatum] = []
        self._trailing: list[Metadatum] = []

    @property
    def metadata(self) -> Any:
        return self._of.metadata

    @property
    def metadata_pairs(self) -> Sequence[tuple[str, str]]:
        return self._of.metadata_pairs

    @property
    def parameters(self) -> Any:
        return self._of.parameters

    @property
    def deadline(self) -> float | None:
        return self._of.deadline

    @property
    def cancelled(self) -> bool:
        return self._of.cancelled

    def invocation_metadata(self) -> tuple[Metadatum, ...]:
        """What the caller sent, in its order."""
        return tuple(Metadatum(name, _received(name, value)) for name, value in self.metadata_pairs)

    def time_remaining(self) -> float | None:
        """For how many more seconds the caller waits; None if it said nothing."""
        return self.deadline

    def is_active(self) -> bool:
        """Whether the caller still waits."""
        return not self.cancelled

    def set_code(self, code: Any) -> None:
        """The status with which the call ends: one of grpc.StatusCode, or its number."""
        self._code = code if isinstance(code, int) else int(code.value[0])

    def set_details(self, details: str) -> None:
        """The text of that status."""
        self._details = details

    def code(self) -> int | None:
        """The number of the status that was set."""
        return self._code

    def details(self) -> str:
        """The text that was set."""
        return self._details

    def abort(self, code: Any, details: str) -> NoReturn:
        """End the call with this status, which must not be OK."""
        self.set_code(code)
        self.set_details(details)
        if not self._code:
            self._code, self._details = 2, "abort() was called with OK, which is no way to end a call"
        raise Aborted

    def abort_with_status(self, status: Any) -> NoReturn:
        """End the call with what a grpc.Status says."""
        self.set_trailing_metadata(status.trailing_metadata or ())
        self.abort(status.code, status.details)

    def send_initial_metadata(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """What the caller gets before the first message."""
        self._initial = [Metadatum(*each) for each in metadata]

    def set_trailing_metadata(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """What the caller gets with the status."""
        self._trailing = [Metadatum(*each) for each in metadata]

    def trailing_metadata(self) -> Sequence[Metadatum]:
        """What was set."""
        return self._trailing

    def start(self) -> bytes:
        """Initial metadata that is not told yet, as the native part reads it; empty if there is none."""
        initial, self._initial = self._initial, []
        return _form({"metadata": _sent(initial)}) if initial else b""

    def end(self) -> bytes:
        """The status as the native part reads it; empty where there is nothing to say but the reply."""
        if self._code is None and not self._initial and not self._trailing:
            return b""
        form: dict[str, Any] = {"code": self._code or 0, "message": self._details}
        form |= {"metadata": _sent(self._initial)}
        form |= {"trailers": _sent(each for each in self._trailing if each.key != _RICH)}
        rich = [value for _, value in _sent(each for each in self._trailing if each.key == _RICH)]
        return _form(form | {"details": rich[-1]} if rich else form)


def _received(name: str, value: str) -> str | bytes:
    return b64decode(value + "=" * (-len(value) % 4)) if name.endswith("-bin") else value


def _sent(metadata: Iterable[Metadatum]) -> list[list[str]]:
    return [[key, _text(key, value)] for key, value in metadata]


def _text(key: str, value: str | bytes) -> str:
    if isinstance(value, bytes) != key.endswith("-bin"):
        raise TypeError(
            f"metadata '{key}' is {type(value).__name__}: bytes are for names that end in -bin, and only for them"
        )
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _form(form: dict[str, Any]) -> bytes:
    return json.dumps(form).encode()
