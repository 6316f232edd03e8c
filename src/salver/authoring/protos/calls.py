"""The context of a handler that takes and gives whole messages, in the words of gRPC's own."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from salver.authoring.context import Context
from salver.authoring.protos.metadata import (
    RICH,
    Metadatum,
    checked_code,
    checked_details,
    checked_metadata,
    received,
    sent,
)


class Aborted(Exception):
    """A handler has ended its call by `abort`."""


class HandlerContext(Context):
    """What grpc.ServicerContext has of it that handlers use, beside what every `salver.Context` has.

    What cannot be sent is refused where it is given, by TypeError or ValueError.
    """

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
        return tuple(Metadatum(name, received(name, value)) for name, value in self.metadata_pairs)

    def time_remaining(self) -> float | None:
        """For how many more seconds the caller waits; None if it said nothing."""
        return self.deadline

    def is_active(self) -> bool:
        """Whether the caller still waits."""
        return not self.cancelled

    def set_code(self, code: Any) -> None:
        """The status with which the call ends: one of grpc.StatusCode, or its number."""
        self._code = checked_code(code)

    def set_details(self, details: str) -> None:
        """The text of that status."""
        self._details = checked_details(details)

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
        self._initial = checked_metadata(metadata)

    def set_trailing_metadata(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """What the caller gets with the status."""
        self._trailing = checked_metadata(metadata)

    def trailing_metadata(self) -> Sequence[Metadatum]:
        """What was set."""
        return self._trailing

    def start(self) -> bytes:
        """Initial metadata that is not told yet, as the native part reads it; empty if there is none."""
        initial, self._initial = self._initial, []
        return _form({"metadata": sent(initial)}) if initial else b""

    def end(self) -> bytes:
        """The status as the native part reads it; empty where there is nothing to say but the reply."""
        if self._code is None and not self._initial and not self._trailing:
            return b""
        form: dict[str, Any] = {"code": self._code or 0, "message": self._details}
        form |= {"metadata": sent(self._initial)}
        form |= {"trailers": sent(each for each in self._trailing if each.key != RICH)}
        rich = [value for _, value in sent(each for each in self._trailing if each.key == RICH)]
        return _form(form | {"details": rich[-1]} if rich else form)


def _form(form: dict[str, Any]) -> bytes:
    return json.dumps(form).encode()
